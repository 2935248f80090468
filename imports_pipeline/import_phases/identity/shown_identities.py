"""The texts of a rejected row that may identify a stored record: its cells, and pieces of its cells.

The texts are stored as written, without NUL characters, which PostgreSQL cannot store.
``batch_phases/planning/protected_records.py`` compares them with stored records.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.import_phases.files.accepted_rows import Layout
from imports_pipeline.schemas import spreadsheet_cells, values
from imports_pipeline.schemas.catalog import Kind, Resource
from imports_pipeline.schemas.cells import trimmed
from imports_pipeline.schemas.column_mapping.field_values import field_values
from imports_pipeline.schemas.spreadsheet_cells import Origin

#: The strength of a cell or a piece of one. It protects the records that it identifies, but does not show that the row
#: stands for one of them: the word ``Lee`` of ``Ann Lee`` may be the whole name of somebody else. Such a text is stored
#: once for many rows, without a line. Each row that has any text also has an empty one with its line.
PIECE: Final = 0
#: The strength of another form of a cell in an identity column, and of a cell of a record that could not be parsed.
CELL: Final = 1
#: The strength of the value of an identity column: its canonical text, or its text as written if it is invalid. A row
#: has at most one for each field.
VALUE: Final = 2

SHOWN_SCHEMA: Final = pa.schema(
    [("line", pa.int64()), ("field", pa.string()), ("value", pa.string()), ("strength", pa.int8())]
)

#: The prefix of the last digits of a phone number. ``batch_phases/planning/protected_records.py`` uses the same prefix
#: for stored numbers.
PHONE: Final = "tel "
#: The number of digits at the end of a phone number that are compared, so that the country code does not matter.
PHONE_DIGITS: Final = 7

_BLANKS: Final = (
    r"\s\x00\x0b\x1c-\x1f\x{85}\x{a0}\x{1680}\x{2000}-\x{200f}\x{2028}\x{2029}\x{202f}\x{205f}\x{2060}"
    r"\x{3000}\x{feff}"
)
# The separators between the pieces of a cell: white space, punctuation of lists, quotes and brackets.
_BETWEEN_PIECES: Final = rf"[{_BLANKS},;|^<>()\[\]{{}}\"'`:=/\\?&*“”‘’„«»]+"
# The separators between the cells of a record that could not be parsed.
_BETWEEN_CELLS: Final = r"""[,;\t|^"'\r\n]+"""
# A phone number as people write it: at least seven digits.
_PHONE: Final = r"[0-9](?:[ ().\-\x{a0}\x{2010}-\x{2015}]*[0-9]){6,}"
_NOT_A_DIGIT: Final = "[^0-9]+"
# A longer cell is free text. It identifies no record, except by an email address in it.
_LONGEST_CELL: Final = 1000


def by_row(
    line: pa.Array,
    cells: pa.Array,
    layout: Layout,
    resource: Resource,
    *,
    region: str | None,
    origin: Origin,
) -> Iterator[pa.Table]:
    """Yield the texts of rows that could be parsed.

    Args:
        line: the lines of the rows.
        cells: for each row the list of its cells, as written.
        layout: which field stands where.
        resource: the resource of the import.
        region: where phone numbers without a country code are dialled.
        origin: the kind of file. The marks of spreadsheets are removed from values as they are from accepted rows.

    Returns:
        Tables of ``SHOWN_SCHEMA``. A row of blanks alone stands for nobody and has no line in them.
    """
    if not len(line):
        return
    table = [pc.fill_null(pc.list_element(cells, at), "") for at in range(len(layout.header))]
    given = field_values(
        pa.record_batch(table, names=[f"c{at}" for at in range(len(table))]), layout.plan
    ).values
    texts = dict(zip(layout.fields, map(_clean, given.columns), strict=True))
    # An apostrophe is a mark or not depending on the other cells of the row, so all fields are passed.
    fields = [field for field in map(resource.find, texts) if field is not None]
    unmarked = spreadsheet_cells.remove_marks(fields, [texts[one.name] for one in fields], origin)
    read = dict(zip(texts, unmarked, strict=True))
    for field in resource.identity_fields:
        if field not in texts:
            continue
        written = texts[field]
        stored = values.read(
            resource.by_name[field], resource, read[field].texts, default_region=region
        ).values
        yield _shown(line, field, pc.coalesce(stored, written), VALUE)
        differs = pc.fill_null(pc.not_equal(stored, written), False)
        yield _shown(line.filter(differs), field, written.filter(differs), CELL)
        if resource.by_name[field].kind is Kind.EMAIL:
            # A cell such as `Ann <ann@example.org>`, or one with two addresses, holds whole addresses.
            unread = pc.and_(pc.is_valid(written), pc.is_null(stored))
            lines, pieces = _split(line.filter(unread), written.filter(unread), _BETWEEN_PIECES)
            address = pc.fill_null(pc.match_substring(pieces, "@"), False)
            yield _shown(lines.filter(address), field, pieces.filter(address), CELL)
        if resource.by_name[field].kind is Kind.PHONE:
            yield _phones(line, field, written, CELL)
    lines = line.take(pc.list_parent_indices(cells))
    yield from _pieces(lines, _clean(pc.list_flatten(cells)))


def by_malformed(line: pa.Array, cells: pa.Array, raw: pa.Array) -> Iterator[pa.Table]:
    """Yield the texts of records that could not be parsed; any of their cells may belong to any field.

    Args:
        line: the lines of the records.
        cells: for each record the list of its cells, as far as they were found.
        raw: the text of each record; JSON where it is an item of a batch.
    """
    if not len(line):
        return
    # JSON writes a NUL like this.
    raw = pc.replace_substring(raw, "\\u0000", "")
    # A record of delimiters or quotes alone may have been somebody's row. NULs alone are left by an interrupted write.
    written = line.filter(pc.is_valid(_clean(raw)))
    yield _shown(written, "", pa.array([""] * len(written), pa.string()), PIECE)
    parts = pc.split_pattern_regex(pc.fill_null(raw, ""), _BETWEEN_CELLS)
    for lists in (cells, parts):
        lines = line.take(pc.list_parent_indices(lists))
        texts = _clean(pc.list_flatten(lists))
        yield _shown(lines, "", texts, CELL)
        yield _phones(lines, "", texts, CELL)
        # `Lee, Ann` and `ann@example,org` without quotes are split into two cells, so neighbours are joined again.
        same = pc.equal(lines[:-1], lines[1:]) if len(lines) > 1 else pa.array([], pa.bool_())
        if len(same):
            joined = pc.binary_join_element_wise(texts[:-1], texts[1:], "")
            yield _shown(lines[:-1].filter(same), "", joined.filter(same), CELL)
        address = pc.fill_null(pc.match_substring(texts, "@"), False)
        inner, pieces = _split(lines.filter(address), texts.filter(address), _BETWEEN_PIECES)
        address = pc.fill_null(pc.match_substring(pieces, "@"), False)
        yield _shown(inner.filter(address), "", pieces.filter(address), CELL)
        yield from _pieces(lines, texts)


def _pieces(lines: pa.Array, texts: pa.Array) -> Iterator[pa.Table]:
    """Yield the lines that have any text; and without lines the texts, their pieces and their phone numbers."""
    filled = pc.is_valid(texts)
    some = lines.filter(filled).unique()
    yield _shown(some, "", pa.array([""] * len(some), pa.string()), PIECE)
    texts = texts.filter(filled).unique()
    short = pc.less_equal(pc.utf8_length(texts), _LONGEST_CELL)
    long, texts = texts.filter(pc.invert(short)), texts.filter(short)
    nowhere = pa.nulls(len(texts), pa.int64())
    _, pieces = _split(nowhere, texts, _BETWEEN_PIECES)
    # A single letter is an initial and identifies nobody. A single digit may be a whole id.
    pieces = pieces.filter(pc.fill_null(pc.match_substring_regex(pieces, "[0-9]|.."), False))
    _, of_long = _split(pa.nulls(len(long), pa.int64()), long, _BETWEEN_PIECES)
    of_long = of_long.filter(pc.fill_null(pc.match_substring(of_long, "@"), False))
    every = pa.concat_arrays([texts, pieces, of_long]).unique()
    yield _shown(pa.nulls(len(every), pa.int64()), "", every, PIECE)
    yield _phones(nowhere, "", texts, PIECE)


def _split(lines: pa.Array, texts: pa.Array, between: str) -> tuple[pa.Array, pa.Array]:
    lists = pc.split_pattern_regex(texts, between)
    return lines.take(pc.list_parent_indices(lists)), _clean(pc.list_flatten(lists))


def _phones(lines: pa.Array, field: str, texts: pa.Array, strength: int) -> pa.Table:
    """Return the last digits of the phone numbers in texts."""
    some = pc.fill_null(pc.match_substring_regex(texts, _PHONE), False)
    lines, texts = lines.filter(some), texts.filter(some)
    # The text before the first number, and between two numbers, is cut off by a separator.
    marked = pc.replace_substring_regex(texts, f"({_PHONE})", "\x01\\1\x01")
    inner, parts = _split(lines, marked, "\x01")
    digits = pc.replace_substring_regex(parts, _NOT_A_DIGIT, "")
    enough = pc.fill_null(pc.greater_equal(pc.utf8_length(digits), PHONE_DIGITS), False)
    last = pc.utf8_slice_codeunits(digits.filter(enough), -PHONE_DIGITS)
    return _shown(inner.filter(enough), field, pc.binary_join_element_wise(PHONE, last, ""), strength)


def _shown(lines: pa.Array, field: str, texts: pa.Array, strength: int) -> pa.Table:
    filled = pc.is_valid(texts)
    lines, texts = lines.filter(filled), texts.filter(filled)
    columns = [
        lines,
        pa.array([field] * len(lines), pa.string()),
        texts,
        pa.array(np.full(len(lines), strength, np.int8)),
    ]
    return pa.table(columns, schema=SHOWN_SCHEMA)


def _clean(texts: pa.Array) -> pa.Array:
    """Return texts without NULs and without blanks around them; null if the rest is empty."""
    return trimmed(pc.replace_substring(texts, "\0", ""))
