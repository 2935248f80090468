"""Commands in a pseudo-terminal of a given size, as a person has them."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import subprocess
import termios
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imports_pipeline_tests import forked_commands

# Colours, and the movements of the cursor by which a line is written again.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Screen:
    """What a command wrote to a terminal: as a text, and as its lines without colours."""

    code: int
    text: str

    @property
    def lines(self) -> list[str]:
        return [
            line.rstrip()
            for line in _CONTROL.sub("", self.text).replace("\r", "\n").split("\n")
            if line.strip()
        ]


def run(
    arguments: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path,
    columns: int = 80,
    watch: Callable[[str, subprocess.Popen[bytes]], None] = lambda text, process: None,
) -> Screen:
    """Run ``imports-pipeline`` in a terminal. ``watch`` is called with all of the text after each output."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    own = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [*forked_commands.program(), *map(str, arguments)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=cwd,
        env={**own, "TERM": "xterm"},
    )
    os.close(slave)
    written = b""
    with os.fdopen(master, "rb", buffering=0) as terminal:
        while True:
            try:
                chunk = terminal.read(65536)
            except OSError:
                # The kernel says so when no process has the terminal any more.
                break
            if not chunk:
                break
            written += chunk
            watch(written.decode(errors="replace"), process)
    return Screen(process.wait(), written.decode())
