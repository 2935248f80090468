"""The message of a malformed record: one sentence that says what is wrong and what to do."""

from __future__ import annotations

from typing import Final

_SENTENCES: Final = {
    "too_many_cells": "The record has {count} cells, the header has {width}: put quotes around a cell that "
    "holds a delimiter, or remove the surplus cells.",
    "too_few_cells": "The record has {count} cells, the header has {width}: add the missing delimiters, or "
    "put quotes around a cell that holds a line end.",
    "unclosed_quote": "A quote opens a cell here and is not closed where a cell could end: close it, or "
    "double it if it belongs to the text.",
    "text_after_quote": "There is text right after the closing quote of cell {column}: double the quotes that "
    "belong to the text, or put a delimiter after the closing one.",
    "stray_quote": "Cell {column} holds a quote but does not begin with one: put the whole cell in quotes and "
    "double the quotes inside it.",
    "blank_before_quote": "Cell {column} holds a quote behind a blank: remove the space before the quote and after "
    "the closing one.",
    "blank_after_quote": "There is a blank behind the closing quote of cell {column}: remove the space after the "
    "quote.",
    "undecodable_bytes": "The record holds bytes that are no text in {encoding}: save the file as UTF-8, or "
    "name its encoding.",
    "nul_byte": "The record holds a NUL byte: remove it.",
    "record_too_long": "The record is longer than {limit} bytes: shorten it, or close a quote that was left "
    "open.",
    "spreadsheet_error": "Cell {column} shows an error of the spreadsheet: correct its formula, or put the value "
    "in its place.",
    "formula_without_value": "Cell {column} holds a formula whose result was never saved: open the workbook in a "
    "spreadsheet program and save it, or put the value in its place.",
    "shortened_number": "Cell {column} holds a number of more than 15 digits, and a workbook keeps no more than 15: "
    "format the column as text and enter the number again.",
    "stray_line_end": "A line end of another kind than the file's stands inside the line, which leaves two "
    "ways to read it: put the cell in quotes, or use one kind of line end.",
}


def message(code: str, *, count: int, width: int, column: int | None, encoding: str, limit: int) -> str:
    """Return the sentence for ``code``: the code of a ``RecordError``, or its more precise ``message``."""
    return _SENTENCES[code].format(
        count=count, width=width, column=column or "?", encoding=encoding, limit=limit
    )
