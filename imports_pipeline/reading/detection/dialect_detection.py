"""Detects a text table's dialect and header line from the beginning of the file.

Each plausible pair of delimiter and quote is tried on the first records with the reference parser, which defines how
the whole file is read. The best one gives most records the header's width, and cells that look like one value (a
number, a date, words, an address) rather than several. The idea of weighing shape and content is CleverCSV's (van den
Burg et al., 2019); ``docs/explanation/detection.md`` has the comparison.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final, NamedTuple

from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline.reading.detection.header_line import (
    damaged_header,
    header_index,
)
from imports_pipeline.reading.detection.header_names import count_names, names_in
from imports_pipeline.reading.detection.sample import LINE_END, SAMPLE_BYTES, begin_of, first_records
from imports_pipeline.reading.options import ReadOptions
from imports_pipeline.schemas.column_mapping.headers.header_text import looks_like_header

# The delimiters that are tried. The first of two with equal scores is taken.
DELIMITERS: Final = ",;\t|^"
QUOTES: Final = "\"'"
# The line with which a file tells Excel its delimiter.
_SEPARATOR_LINE: Final = re.compile(rb'"?sep=(.)"?[\r\n]', re.IGNORECASE)
_VALUE: Final = re.compile(
    r"""\s*(?:
      [-+(]?[$€£]?\s?\d[\d\s.,']*\)?\s?[%€£$]?   # a number, an amount
    | [-+()\d\s./]{5,25}                          # a phone
    | \d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T\s].*)? # a date, with a time or not
    | \d{1,2}:\d\d(?::\d\d)?(?:\.\d+)?            # a time
    | [^\s@,;|^]+@[^\s@,;|^]+\.[^\s@,;|^]+        # an email address
    | https?://[^\s,;|^]+
    | [\w.:/+\#-]+                                # a word, a name in a program, an id
    | (?!['"])[^,;|^\t"{}\[\]<>]+(?<!')           # words
    )?\s*""",
    re.VERBOSE,
)
_MIXED: Final = re.compile(r"[^,;|^\t]*(?:,\s[^,;|^\t]*)*")


class _Candidate(NamedTuple):
    """A dialect, its score, and the physical line of the header that was found with it.

    ``lone`` is true if most records are one cell in this dialect, or look like prose. ``joined`` is true if the header
    is one cell that holds several names, and the rows below it have more cells. ``named`` is true if the header has
    several cells and each is a name of a field.
    """

    score: float
    dialect: Dialect
    line: int
    lone: bool
    joined: bool
    named: bool


def detect_dialect(head: bytes, whole: bool, options: ReadOptions) -> tuple[Dialect, int]:
    """Return dialect and header line of a file that begins with ``head``, in UTF-8.

    This takes milliseconds, because the sample is bounded and every pattern is matched in one pass.

    Args:
        head: The first bytes of the file.
        whole: Whether the file ends with ``head``.
        options: What the caller gave; it is not detected again.
    """
    line_end = options.line_end or _line_end(head)
    begin, lines_above = 0, 0
    separator = _SEPARATOR_LINE.match(head)
    delimiters = options.delimiter or DELIMITERS
    if separator and options.header_line is None:
        first = LINE_END.search(head)
        begin, lines_above = (first.end() if first else len(head)), 1
        if options.delimiter is None and separator[1] not in b"\r\n\"'":
            delimiters = separator[1].decode("latin-1")
    elif options.header_line:
        begin, lines_above = begin_of(head, options.header_line), options.header_line - 1
    sample = head[begin : begin + SAMPLE_BYTES] or head[:SAMPLE_BYTES]
    cut = begin + SAMPLE_BYTES < len(head) or not whole
    guesses = [
        guess
        for dialect in _candidates(sample, delimiters, options, line_end)
        if (guess := _score(sample, cut, dialect, options.header_line is not None))
    ]
    if not guesses:
        return _one_column(sample, cut, delimiters, options, line_end, lines_above)
    best = max(guesses, key=lambda guess: guess.score)
    if len(delimiters) > 1 and best.lone and best.score < _ONE_COLUMN_SCORE:
        joined = [guess for guess in guesses if guess.joined]
        if certain := joined or [guess for guess in guesses if guess.named]:
            best = max(certain, key=lambda guess: guess.score)
            return best.dialect, best.line + lines_above
        return _one_column(sample, cut, delimiters, options, line_end, lines_above)
    return best.dialect, best.line + lines_above


# A sample most of whose lines are one cell is taken for a table of one column if its best score is below this.
_ONE_COLUMN_SCORE: Final = 0.3


def _candidates(sample: bytes, delimiters: str, options: ReadOptions, line_end: str) -> list[Dialect]:
    """Return the dialects whose delimiter, quote and escape occur in the sample."""
    found = []
    for delimiter in delimiters:
        mark = delimiter.encode()
        if len(delimiters) > 1 and mark not in sample:
            continue
        quotes = [options.quote] if options.quote is not None else []
        if not quotes:
            edges = re.escape(mark) + rb"\r\n"
            quotes = [
                quote
                for quote in QUOTES
                if quote == '"' or re.search(rb"(?:^|[" + edges + rb"])[ \t]*+" + quote.encode(), sample)
            ]
        for quote in quotes:
            if quote == delimiter and options.quote is None:
                continue
            escapes = ["", "\\"] if quote and b"\\" + quote.encode() in sample and delimiter != "\\" else [""]
            if options.escape is not None:
                escapes = [options.escape]
            found += [Dialect(delimiter, quote, escape, line_end) for escape in escapes]
    return found


def _score(sample: bytes, cut: bool, dialect: Dialect, fixed: bool) -> _Candidate | None:
    """Read the first records and score them; ``fixed`` is true if the first of them is the header."""
    records = first_records(sample, cut, dialect)
    rows = [record.cells if record.sound else [] for record in records]
    index = 0 if fixed else header_index(rows)
    if index is None or index >= len(rows):
        return None
    pieces, sound = [record.cells for record in records], [record.sound for record in records]
    if not fixed:
        index = damaged_header(pieces, sound, index)
    header, width = pieces[index], len(pieces[index])
    body = rows[index + 1 :]
    usual, times = Counter(map(len, body)).most_common(1)[0] if body else (0, 0)
    if width < 2 and not (usual > 1 and times * 2 > len(body) and names_in(header) > 1):
        return None
    fitting = [row for row in body if len(row) == width]
    share = (len(fitting) + 1) / (len(body) + 1)
    if usual > 1 and times / len(body) > 2 * share:
        # The header is a cell short or long. That is half as good as a header that fits, but better than a table of
        # one column, which would deliver every row as a single cell instead of rejecting it.
        share = times / len(body) / 2
        fitting = [row for row in body if len(row) == usual]
    cells = [cell for row in fitting[:60] for cell in row]
    values = sum(map(_looks_like_value, cells)) / len(cells) if cells else 1.0
    names = sum(map(_looks_like_value, header)) / width
    score = share * (0.3 + 0.7 * values) * (0.3 + 0.7 * names) * (1 - 0.5 / width)
    if not looks_like_header(header):
        score *= 0.9
    if not records[index].sound:
        # A malformed record is the header of another dialect, or no header.
        score *= 0.5
    prose = index > 0 and all(cell.startswith(" ") for cell in header[1:])
    if prose:
        # Text with a comma and a space, below lines without commas, is one column of names or sentences.
        score *= 0.3
    if dialect.quote == "'":
        # Prefer the double quote, so that apostrophes in text are not taken for quotes.
        score *= 0.99
    line = 1 + len(LINE_END.findall(sample[: records[index].start]))
    lone = prose or sum(len(row) == 1 for row in body) * 2 >= max(len(body), 1)
    return _Candidate(score, dialect, line, lone, width < 2, 1 < width == count_names(header))


def _looks_like_value(cell: str) -> float:
    """Return a score for a cell: 1 for one value of a usual kind, 0.7 for prose, 0.2 for what seems several values."""
    if len(cell) > 200:
        return 0.7
    if _VALUE.fullmatch(cell):
        return 1
    return 0.7 if _MIXED.fullmatch(cell) else 0.2


def _one_column(
    sample: bytes, cut: bool, delimiters: str, options: ReadOptions, line_end: str, lines_above: int
) -> tuple[Dialect, int]:
    """Return a dialect that leaves lines whole: its delimiter is the first one that does not occur in the sample."""
    unused = [mark for mark in delimiters if mark.encode() not in sample]
    delimiter = options.delimiter or (unused[0] if unused else delimiters[0])
    quote = options.quote if options.quote is not None else '"' if delimiter != '"' else ""
    dialect = Dialect(delimiter, quote, options.escape or "", line_end)
    records = first_records(sample, cut, dialect)
    first = records[0].start if records else 0
    return dialect, 1 + len(LINE_END.findall(sample[:first])) + lines_above


def _line_end(head: bytes) -> str:
    """Return the line end that most lines have; line ends in quoted cells count only if there are no others."""
    kinds = _count_line_ends(head)
    if kinds["cr"] and (kinds["lf"] or kinds["crlf"]):
        outside = _count_line_ends(re.sub(rb'"[^"]*+"', b"", head))
        kinds = outside if any(outside.values()) else kinds
    if kinds["cr"] > kinds["lf"] + kinds["crlf"]:
        return "cr"
    return "crlf" if kinds["crlf"] > kinds["lf"] else "lf"


def _count_line_ends(text: bytes) -> dict[str, int]:
    both = text.count(b"\r\n")
    return {"lf": text.count(b"\n") - both, "crlf": both, "cr": text.count(b"\r") - both}
