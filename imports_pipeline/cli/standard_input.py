"""Standard input in place of a file: the source ``-``."""

from __future__ import annotations

import shutil
import sys
from typing import BinaryIO, Final

import typer

#: The source that means standard input.
NAME: Final = "-"


def check_is_a_file() -> None:
    """Raise ``typer.BadParameter`` if standard input is closed, or a terminal, where nobody types a file."""
    # Python has no `sys.stdin` if its descriptor was closed when the process started.
    state = "is closed" if sys.stdin is None else "is a terminal" if sys.stdin.isatty() else ""
    if state:
        raise typer.BadParameter(
            f"- is standard input, and that {state}; pipe a file into the command, or name one",
            param_hint="FILE",
        )


def copy_to(target: BinaryIO) -> None:
    """Copy all of standard input."""
    shutil.copyfileobj(sys.stdin.buffer, target, 1 << 20)
