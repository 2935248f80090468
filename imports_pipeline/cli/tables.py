"""Tables of commands: fitted to the width of a terminal, and lines with tabs for programs.

A table is never wider than the terminal, and its ids, times and counts are never shortened: the least important columns
are left out instead. If the output is no terminal, all columns are printed, one row on a line, separated by tabs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import typer

# The smallest width of a column of text, whose cells are broken into lines.
_NARROWEST: Final = 12
# Between columns: one blank of padding, and the divider of the box.
_GAP: Final = 2


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: The heading.
        rank: The columns with the highest rank are left out first if the terminal is narrow; 0 is never left out.
        text: Whether cells may be broken into lines. All other cells are ids, times, counts and words.
        least: The least width of a column of text with long cells.
        right: Whether the cells are aligned to the right, as numbers are.
    """

    name: str
    rank: int = 0
    text: bool = False
    least: int = _NARROWEST
    right: bool = False


def print_table(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], *, heading_in_pipe: bool = False
) -> None:
    """Print a table on standard output.

    Args:
        columns: The columns.
        rows: The cells of each row.
        heading_in_pipe: Whether the headings are printed too if the output is no terminal. Lists have none there, so
            that each line is a row.
    """
    if not sys.stdout.isatty():
        headings = [[column.name for column in columns]] if heading_in_pipe else []
        for row in (*headings, *rows):
            typer.echo("\t".join(" ".join(cell.split()) for cell in row))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console, rows = Console(), list(rows)
    shown = _fitting(columns, [_width(column, i, rows) for i, column in enumerate(columns)], console.width)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0))
    for i in shown:
        table.add_column(
            Text(columns[i].name),
            justify="right" if columns[i].right else "left",
            no_wrap=not columns[i].text,
            min_width=_width(columns[i], i, rows),
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(row[i]) for i in shown))
    console.print(table)


def _width(column: Column, place: int, rows: Sequence[Sequence[str]]) -> int:
    """Return the least width that a column needs: 0 if it may be left out and all its cells are empty."""
    from rich.cells import cell_len

    longest = max((cell_len(cell) for row in rows for cell in row[place].splitlines()), default=0)
    if rows and not longest and column.rank:
        return 0
    return max(cell_len(column.name), min(longest, column.least) if column.text else longest)


def _fitting(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """Return the places of the columns that fit into a width, in their order."""
    shown = [i for i, width_ in enumerate(widths) if width_]
    while sum(widths[i] + _GAP for i in shown) - _GAP > width:
        last = max(shown, key=lambda i: (columns[i].rank, i))
        if columns[last].rank == 0:
            break
        shown.remove(last)
    return shown


def shown_time(at: datetime | int | None) -> str:
    """Return a time in UTC to the second, as text; empty for None. A number is in epoch seconds."""
    if at is None:
        return ""
    if isinstance(at, int):
        at = datetime.fromtimestamp(at, UTC)
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
