"""Standard input in place of a file: the source ``-``."""

from __future__ import annotations

import shutil
import sys
from typing import BinaryIO, Final

import typer

#: The source that means standard input.
NAME: Final = "-"


def refuse_terminal() -> None:
    """Raise ``typer.BadParameter`` if standard input is a terminal, which would wait for what nobody types."""
    if sys.stdin is None or sys.stdin.isatty():
        raise typer.BadParameter(
            "- is standard input, and that is a terminal; pipe a file into the command, or name one",
            param_hint="FILE",
        )


def copy_to(target: BinaryIO) -> None:
    """Copy all of standard input."""
    shutil.copyfileobj(sys.stdin.buffer, target, 1 << 20)
