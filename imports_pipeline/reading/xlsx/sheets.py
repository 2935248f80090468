"""Selects the sheet of a workbook: the one that is named in the options, or the first visible one."""

from __future__ import annotations

from typing import Any, Final

import python_calamine as calamine

from imports_pipeline.reading.options import NotATable

_VISIBLE: Final = calamine.SheetVisibleEnum.Visible


def choose(book: Any, wanted: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the name of the sheet to read, and the other sheets as people know them: ``Old (hidden)``.

    Raises:
        NotATable: the workbook has no such sheet, or none that is visible.
    """
    sheets = [one for one in book.sheets_metadata if one.typ == calamine.SheetTypeEnum.WorkSheet]
    visible = [one.name for one in sheets if one.visible == _VISIBLE]
    name = wanted
    if wanted is None and visible:
        name = visible[0]
    if name is None or name not in [one.name for one in sheets]:
        known = ", ".join(_shown(one) for one in sheets) or "none"
        missing = "no visible sheet" if wanted is None else f"no sheet {wanted!r}"
        raise NotATable(
            "not_a_table", f"There is {missing}: the workbook has {known}. Name one with `sheet`."
        )
    return name, tuple(_named(one) for one in sheets if one.name != name)


def _named(sheet: Any) -> str:
    return f"{sheet.name}{_state(sheet)}"


def _shown(sheet: Any) -> str:
    return f"{sheet.name!r}{_state(sheet)}"


def _state(sheet: Any) -> str:
    if sheet.visible == _VISIBLE:
        return ""
    return " (hidden)" if sheet.visible == calamine.SheetVisibleEnum.Hidden else " (very hidden)"


def others_sentence(sheet: str, others: tuple[str, ...]) -> str:
    """Return a sentence with the sheet that was read and those that were not; empty if there is only one sheet."""
    if not others:
        return ""
    return f"Sheet {sheet!r} was read, and not {', '.join(map(repr, others))}: name another with `sheet`."


def check_header_is_not_merged(sheet: Any, row: int, width: int) -> None:
    """Raise ``NotATable`` if one name of the header in ``row`` (from 0) stands above several of its columns."""
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        if top <= row <= bottom and left < right and left < width:
            cells = f"{_letters(left)}{top + 1}:{_letters(right)}{bottom + 1}"
            raise NotATable(
                "merged_header",
                f"Cells {cells} of the header in sheet {sheet.name!r} are merged, so one name stands above "
                f"{right - left + 1} columns: unmerge them and give each column a name of its own.",
            )


def _letters(column: int) -> str:
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
