"""Read and write references, by which a cell names other records, alone or as a comma-separated list.

A reference is an id, ``external_id:VALUE``, an email, a name, or ``name:::email``. ``name:::`` is a name alone, for a
name that looks like an id or an email. This module splits list cells, classifies references and writes list cells.
``import_phases/reference_resolution.py`` finds the records that references name.

A list cell is one CSV record (RFC 4180) with the comma as its delimiter. A cell that can be read in two ways is
refused, so that no name is cut in two unnoticed:

* An item that begins with a quote ends at the next quote that is not doubled. A comma, the end of the cell, or
  ``:::EMAIL`` (``"Smith, Ann":::ann@example.com``) must follow. Anything else is an error.
* Quotes inside an item that does not begin with one are part of its text (``Bob "Bobby" Smith``) if their number is
  even. An odd quote may belong to a quoted comma (``external_id:"A,B"``), so it is an error.
* Items are trimmed, quoted text is not. Empty items (``a,,b``, a comma at the end) are left out. A cell of commas
  alone, and an empty quoted item, are errors. A blank cell is an empty list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.model import ids

_KNOWN_PREFIXES: Final = (ids.CONTACT, ids.GROUP, ids.LOCATION, ids.IMPORT, ids.BATCH)
#: A reference that looks like an email address. Whether it is valid does not matter: a stored record has it or not.
EMAIL_PATTERN: Final = r"^[^\s@]+@[^\s@]+\.[^\s@.]+$"


@dataclass(frozen=True)
class Exploded:
    """The references of many cells: the index of the cell (``row``, int64), and the text of the reference.

    There is one entry for each reference, ordered by ``row`` and then as in the cell.
    """

    row: pa.Array
    reference: pa.Array


@dataclass(frozen=True)
class Classified:
    """The kinds of references, and their one or two values; all three are null where the reference is null.

    ``kind`` is ``id`` (``first``: the id in lower case), ``external_id`` (``first``: the value), ``email`` (``first``:
    the address in lower case), ``name`` (``first``: the name) or ``name_email`` (``first``: the name, ``second``: the
    address in lower case).
    """

    kind: pa.Array
    first: pa.Array
    second: pa.Array


def explode(cells: pa.Array | pa.ChunkedArray) -> tuple[Exploded, pa.Array]:
    """Split list cells into references.

    Returns:
        The references, and for each cell whether it cannot be read (boolean, never null). A cell that cannot be read
        has no reference in the first result. A null or blank cell has none and can be read.
    """
    texts = _one_chunk(cells)
    quoted = pc.fill_null(pc.match_substring(texts, '"'), False)
    plain = _explode_plain(texts if not pc.any(quoted).as_py() else pc.if_else(quoted, None, texts))
    without_items = _without(len(texts), plain.row)
    # A cell of commas alone has no reference, but is not blank.
    unreadable = pc.and_(
        without_items, pc.and_not(pc.fill_null(pc.match_substring(texts, ","), False), quoted)
    )
    if not pc.any(quoted).as_py():
        return plain, unreadable
    careful, failed = _explode_quoted(texts, quoted)
    row = pa.concat_arrays([plain.row, careful.row])
    reference = pa.concat_arrays([plain.reference, careful.reference])
    order = pa.array(np.argsort(row.to_numpy(), kind="stable"))
    return Exploded(row.take(order), reference.take(order)), pc.or_(unreadable, failed)


def _explode_plain(texts: pa.Array) -> Exploded:
    """Split the cells without quotes: every comma separates."""
    lists = pc.split_pattern(texts, ",")
    row = pc.list_parent_indices(lists).cast(pa.int64())
    reference = pc.utf8_trim_whitespace(pc.list_flatten(lists))
    filled = pc.not_equal(reference, "")
    if pc.all(filled).as_py():
        return Exploded(row, reference)
    return Exploded(row.filter(filled), reference.filter(filled))


def _explode_quoted(texts: pa.Array, quoted: pa.Array) -> tuple[Exploded, pa.Array]:
    """Split the cells with quotes, each distinct text once."""
    rows = pc.indices_nonzero(quoted).cast(pa.int64())
    encoded = texts.take(rows).dictionary_encode()
    read = [parse(text) for text in encoded.dictionary.to_pylist()]
    lists = pa.array([items or [] for items in read], pa.list_(pa.string())).take(encoded.indices)
    failed = np.zeros(len(texts), dtype=bool)
    failed[rows.to_numpy()] = np.fromiter((items is None for items in read), dtype=bool, count=len(read))[
        encoded.indices.to_numpy()
    ]
    row = rows.take(pc.list_parent_indices(lists))
    return Exploded(row, pc.list_flatten(lists)), pa.array(failed)


def _without(count: int, rows: pa.Array) -> pa.Array:
    """Return which of ``count`` cells have no entry in ``rows``."""
    mask = np.ones(count, dtype=bool)
    mask[rows.to_numpy()] = False
    return pa.array(mask)


def parse(cell: str) -> list[str] | None:
    """Return the references of one list cell by the rules above, or ``None`` if it cannot be read.

    >>> parse('Sales, "Smith, Ann"')
    ['Sales', 'Smith, Ann']
    """
    items: list[str] = []
    position, end = 0, len(cell)
    while position < end:
        while position < end and cell[position].isspace():
            position += 1
        if position < end and cell[position] == '"':
            found = _quoted_item(cell, position)
            if found is None:
                return None
            item, position = found
            items.append(item)
        else:
            comma = cell.find(",", position)
            stop = end if comma < 0 else comma
            item = cell[position:stop].strip()
            if item.count('"') % 2:
                return None
            if item:
                items.append(item)
            position = stop + 1
    return items or (None if cell.strip() else [])


def _quoted_item(cell: str, position: int) -> tuple[str, int] | None:
    """Return the quoted item that begins at ``position``, and the position of the next item."""
    text = ""
    start = position + 1
    while True:
        quote = cell.find('"', start)
        if quote < 0:
            return None
        text += cell[start:quote]
        if cell[quote + 1 : quote + 2] != '"':
            break
        text += '"'
        start = quote + 2
    comma = cell.find(",", quote + 1)
    stop = len(cell) if comma < 0 else comma
    rest = cell[quote + 1 : stop].strip()
    if not text.strip() or (rest and not rest.startswith(":::")) or '"' in rest:
        return None
    return text + rest, stop + 1


def classify(references: pa.Array | pa.ChunkedArray, prefixes: Sequence[str]) -> Classified:
    """Return the kind and the values of each reference.

    An id is a TypeID with one of ``prefixes`` or with the prefix of any resource. So the id of another resource is
    reported as unknown and not looked up as a name. If several kinds are possible, the first of this list is chosen:
    ``name:::``, id, ``external_id:``, ``name:::email``, email, name.
    """
    texts = pc.utf8_trim_whitespace(_one_chunk(references))
    known = "|".join(dict.fromkeys((*prefixes, *_KNOWN_PREFIXES)))
    lower = pc.utf8_lower(texts)
    # The last `:::` separates, since a name may contain one and an address may not.
    separated = pc.match_substring(texts, ":::")
    before = pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, r"(?s)^(.*):::.*$", r"\1"))
    after = pc.utf8_trim_whitespace(pc.replace_substring_regex(lower, r"(?s)^.*:::(.*)$", r"\1"))
    value = pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, r"(?is)^external_id\s*:(.*)$", r"\1"))
    named, addressed = pc.not_equal(before, ""), pc.not_equal(after, "")
    conditions = pc.make_struct(
        pc.is_null(texts),
        pc.and_(separated, pc.and_not(named, addressed)),
        pc.match_substring_regex(texts, f"(?i)^(?:{known})_{ids.SUFFIX_PATTERN}$"),
        pc.match_substring_regex(texts, r"(?i)^external_id\s*:"),
        pc.and_(separated, pc.and_not(addressed, named)),
        pc.and_(separated, pc.and_(named, addressed)),
        pc.match_substring_regex(texts, EMAIL_PATTERN),
        field_names=["null", "alone", "id", "external", "nameless", "both", "email"],
    )
    nothing = pa.scalar(None, pa.string())
    kind = pc.case_when(
        conditions,
        nothing, pa.scalar("name"), pa.scalar("id"), pa.scalar("external_id"), pa.scalar("email"),
        pa.scalar("name_email"), pa.scalar("email"), pa.scalar("name"),
    )  # fmt: skip
    first = pc.case_when(conditions, nothing, before, lower, value, after, before, lower, texts)
    second = pc.case_when(conditions, nothing, nothing, nothing, nothing, nothing, after, nothing, nothing)
    return Classified(_filled(kind, len(texts)), first, _filled(second, len(texts)))


def _filled(values: pa.Array | pa.Scalar, count: int) -> pa.Array:
    """Return an array of ``count`` entries; ``pc.case_when`` returns a scalar if all its choices are scalars."""
    return pa.repeat(values, count) if isinstance(values, pa.Scalar) else values


def join(references: Sequence[str]) -> str:
    """Return the list cell of references, quoted where necessary, so that ``explode`` returns the same references.

    >>> join(["Sales", "Smith, Ann"])
    'Sales,"Smith, Ann"'
    """
    return ",".join(_written(reference) for reference in references)


def _written(reference: str) -> str:
    if reference and reference == reference.strip() and not set(reference) & {",", '"'}:
        return reference
    return '"' + reference.replace('"', '""') + '"'


def _one_chunk(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return ``values`` as one array of type ``string``."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return array if array.type == pa.string() else array.cast(pa.string())
