"""Installs the project into the environment of this Python, and shows one line of progress.

    .venv/bin/python deploy/pip_progress.py . --no-compile

Arguments are those of ``pip install``. The versions are those of ``constraints.txt``. If pip fails, its output follows.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_PIP = (
    "-m",
    "pip",
    "install",
    "--disable-pip-version-check",
    "--root-user-action=ignore",
    "--progress-bar=off",
)
_WIDTH = 78


def main(arguments: list[str]) -> int:
    """Run pip and return its exit status."""
    command = [sys.executable, *_PIP, "-c", "constraints.txt", *arguments]
    pip = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert pip.stdout is not None
    lines, found = [], 0
    for line in pip.stdout:
        lines.append(line)
        if match := re.match(r"Collecting ([\w.\[\]-]+)", line):
            found += 1
            _show(f"{found} packages found, now {match[1]}")
        elif line.startswith("Installing collected packages"):
            _show(f"writing {line.count(',') + 1} packages, which takes half of the time")
    status = pip.wait()
    _show("done" if status == 0 else "failed", is_last=True)
    if status:
        sys.stderr.writelines(lines)
    return status


def _show(text: str, *, is_last: bool = False) -> None:
    """Replace the line of progress on a terminal. Elsewhere print only the last one."""
    if sys.stdout.isatty():
        print(f"\r{f'  {text}'[:_WIDTH]:{_WIDTH}}", end="\n" if is_last else "", flush=True)
    elif is_last:
        print(f"  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
