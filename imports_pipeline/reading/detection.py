"""Finds out encoding, dialect and header line from the beginning of a file."""

from __future__ import annotations

from imports_pipeline.reading.dialects import Dialect
from imports_pipeline.reading.encodings import SIGNATURES
from imports_pipeline.reading.options import ReadOptions


def guess_encoding(head: bytes, whole: bool) -> str:
    """Name the encoding of a file that begins with ``head`` (all of it if ``whole``)."""
    for mark, name in SIGNATURES:
        if head.startswith(mark):
            return name
    return "utf-8"


def guess_dialect(text: str, options: ReadOptions) -> tuple[Dialect, int]:
    """Give dialect and header line of a file that begins with ``text``."""
    first = text.split("\n", 1)[0]
    delimiter = options.delimiter or max(",;\t|^", key=first.count)
    quote = '"' if options.quote is None else options.quote
    line_end = "crlf" if first.endswith("\r") else "cr" if "\n" not in text and "\r" in text else "lf"
    return Dialect(delimiter, quote, "", line_end), options.header_line or 1
