"""Commands in a pseudo-terminal of a given size, as a person has them."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import subprocess
import termios
import threading
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
    press: Callable[[str], bytes] = lambda text: b"",
) -> Screen:
    """Run ``imports-pipeline`` in a terminal.

    ``press`` is called with all of the text after each output, and returns the keys to press then.
    """
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
        start_new_session=True,
        # Ctrl-C goes to the processes whose own terminal this is.
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    # A test that waits for a text which never comes must end.
    limit = threading.Timer(180, process.kill)
    limit.start()
    written = b""
    with os.fdopen(master, "r+b", buffering=0) as terminal:
        while True:
            try:
                chunk = terminal.read(65536)
            except OSError:
                # The kernel says so when no process has the terminal any more.
                break
            if not chunk:
                break
            written += chunk
            terminal.write(press(written.decode(errors="replace")))
    limit.cancel()
    return Screen(process.wait(), written.decode())
