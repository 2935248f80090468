"""The grammar of one cell (RFC 4180, section 2) as regular expressions, for any dialect."""

from __future__ import annotations

import re
from dataclasses import dataclass

from imports_pipeline.reading.csv.dialect import Dialect


@dataclass(frozen=True)
class Patterns:
    """Regular expressions of a dialect's cells. All quantifiers are possessive, so that no match backtracks far.

    Attributes:
        plain: An unquoted cell without quotes.
        literal: An unquoted cell with quotes that are text: between other characters, or of a spreadsheet's text
            formula (``="00017"``).
        formula: An unquoted cell that is a spreadsheet's text formula.
        quoted: A quoted cell.
        run: Any number of whole cells, each with the delimiter after it.
        cell: One cell of a run.
        escaped: A sequence inside a cell that stands for another text, such as a doubled quote.
        padded: A quoted cell with the blanks after it.
        blank: Any number of blanks.
        beside: A quote with blanks between it and a delimiter, or an end of the line; or the beginning of a formula.
        blanks: The bytes that count as blanks.
    """

    plain: re.Pattern[bytes]
    literal: re.Pattern[bytes] | None
    formula: re.Pattern[bytes] | None
    quoted: re.Pattern[bytes] | None
    run: re.Pattern[bytes]
    cell: re.Pattern[bytes]
    escaped: re.Pattern[bytes] | None
    padded: re.Pattern[bytes] | None
    blank: re.Pattern[bytes]
    beside: re.Pattern[bytes] | None
    blanks: bytes

    @classmethod
    def of(cls, dialect: Dialect) -> Patterns:
        """Return the compiled expressions of ``dialect``."""
        delimiter, quote, escape = (
            re.escape(character.encode()) for character in (dialect.delimiter, dialect.quote, dialect.escape)
        )
        special = delimiter + quote + escape
        blanks = b" \t".replace(dialect.delimiter.encode(), b"")
        blank = b"[" + blanks + b"]*+"
        ordinary = b"[^" + special + b"\r\n]"
        plain = ordinary + b"*+"
        if escape:
            plain = b"(?:" + ordinary + b"++|" + escape + b"[" + special + b"]?+)*+"
        quoted, escaped, literal, formula = b"", b"", b"", b""
        if quote:
            inside = b"[^" + quote + escape + b"]++|" + quote + quote
            inside += b"|" + escape + rb"[\s\S]" if escape else b""
            quoted = quote + b"(?:" + inside + b")*+" + quote
            escaped = quote + b"(" + quote + b")"
            if not escape:
                text = b"[^" + blanks + special + rb"\r\n]" + ordinary + b"*+"
                literal = blank + text + b"(?:" + quote + blank + text + b")++"
            # Excel and many exports write ="00017" so that a spreadsheet keeps the zeros.
            inner = b"[^" + special + b"\r\n]"
            formula = blank + b"=" + quote + b"(?:" + inner + b"|" + quote + quote + b")*+" + quote
            formula += blank + b"(?=[" + delimiter + rb"\r\n]|\Z)"
            literal = formula + (b"|" + literal if literal else b"")
        if escape:
            line_ends = b"\r\n" if quote else b""
            escaped += (b"|" if escaped else b"") + escape + b"([" + special + line_ends + b"])"
        some = b"[" + blanks + b"]++"
        padded = b"(" + quoted + b")" + blank if quoted else b""
        beside = rb"(?:\A|" + delimiter + b")" + some + quote
        beside += b"|" + quote + some + b"(?:" + delimiter + rb"|\r?\n?\Z)|=" + quote
        cell = (b"(?:" + quoted + b"|" + plain + b")" if quoted else plain) + delimiter
        return cls(
            re.compile(plain),
            re.compile(literal) if literal else None,
            re.compile(formula) if formula else None,
            re.compile(quoted) if quoted else None,
            re.compile(b"(?:" + cell + b")*+"),
            re.compile(cell),
            re.compile(escaped) if escaped else None,
            re.compile(padded) if padded else None,
            re.compile(blank),
            re.compile(beside) if quoted else None,
            blanks,
        )
