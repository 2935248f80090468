"""Read the cells of one field, depending on its kind (``catalog.Kind``).

``read`` returns the canonical text of a column of trimmed cells, and the reason of each cell that is invalid for its
field. The Pandera schemas check the lengths.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.model import ids
from imports_pipeline.schemas import references
from imports_pipeline.schemas.canonical import canonical
from imports_pipeline.schemas.catalog import Field, Kind, Resource
from imports_pipeline.schemas.cells import Read, by_distinct, message
from imports_pipeline.schemas.emails import read_emails
from imports_pipeline.schemas.phones import read_phones

#: For each kind the code of an invalid cell. A cell of kind TEXT is never invalid.
CODES: Final[dict[Kind, str]] = {
    Kind.EMAIL: "invalid_email",
    Kind.PHONE: "invalid_phone",
    Kind.BOOLEAN: "invalid_boolean",
    Kind.CHOICE: "invalid_choice",
    Kind.ID: "invalid_id",
    Kind.REFERENCE: "invalid_reference",
    Kind.REFERENCES: "invalid_reference",
}

TRUE: Final = "true"
FALSE: Final = "false"
# The canonical value of each spelling in lower case. A lone `x` is left out, because it means yes in some files and no
# in others.
_SPELLINGS: Final[dict[str, str]] = {
    **dict.fromkeys(("true", "yes", "y", "t", "1", "on"), TRUE),
    **dict.fromkeys(("false", "no", "n", "f", "0", "off"), FALSE),
}
# The text fields that rows are matched by or that references name.
_COMPARED: Final = frozenset({"name", "external_id", "id_number"})
_NULL: Final = pa.scalar(None, pa.string())


def read(field: Field, resource: Resource, cells: pa.Array, *, default_region: str | None) -> Read:
    """Read a column of trimmed cells (null where blank) of ``field``."""
    match field.kind:
        case Kind.TEXT if field.name in _COMPARED:
            # The names of people keep zero-width joiners, which change how some scripts look.
            return Read(canonical(cells, joiners=resource.name == "contact" and field.name == "name"))
        case Kind.TEXT:
            return Read(cells)
        case Kind.EMAIL:
            return read_emails(cells)
        case Kind.PHONE:
            return read_phones(cells, default_region)
        case Kind.BOOLEAN:
            return read_booleans(cells)
        case Kind.CHOICE:
            return read_choices(cells, field.choices)
        case Kind.ID:
            return read_ids(cells, resource)
        case Kind.REFERENCE:
            return read_reference(canonical(cells))
        case Kind.REFERENCES:
            return read_references(canonical(cells))


def read_booleans(cells: pa.Array) -> Read:
    """Read booleans in the usual spellings and any case; the canonical texts are ``true`` and ``false``."""
    return _read_listed(
        cells,
        _SPELLINGS,
        "is neither a yes nor a no: ",
        "write true or false (yes/no, y/n, t/f, 1/0, on/off do too)",
    )


def read_choices(cells: pa.Array, choices: tuple[str, ...]) -> Read:
    """Read cells that hold one of ``choices`` in any case."""
    return _read_listed(
        cells,
        {choice.lower(): choice for choice in choices},
        "is no choice here: ",
        f"write {' or '.join(choices)}",
    )


def _read_listed(cells: pa.Array, spellings: dict[str, str], before: str, advice: str) -> Read:
    found = pc.index_in(pc.utf8_lower(cells), pa.array(list(spellings)), skip_nulls=True)
    values = pa.array(list(spellings.values())).take(found)
    return _refusing(cells, values, pc.and_(cells.is_valid(), found.is_null()), before, advice)


def read_ids(cells: pa.Array, resource: Resource) -> Read:
    """Read ids of ``resource`` in any case; the canonical text is in lower case (TypeID specification 0.3)."""
    lower = pc.ascii_lower(cells)
    good = pc.match_substring_regex(lower, ids.pattern(resource.prefix))
    return _refusing(
        cells,
        lower,
        pc.fill_null(pc.invert(good), False),
        f"is no id of a {resource.name}: ",
        f"one is `{resource.prefix}_` and 26 letters and digits, as an earlier result or the API gives it",
    )


def read_references(cells: pa.Array) -> Read:
    """Read lists of references; the canonical text is the list as written."""
    _, unreadable = references.explode(cells)
    return _refusing(
        cells,
        cells,
        unreadable,
        "is no list of references: ",
        'separate them by commas, and quote one that holds a comma or a quote: "Smith, Ann","5"" pipe"',
    )


def read_reference(cells: pa.Array) -> Read:
    """Read cells that hold one reference. A comma is part of the name, whether it is quoted as in a list or not.

    The canonical text is a list of one item, so that ``references.explode`` reads exactly that reference.
    """
    marked = pc.fill_null(pc.match_substring_regex(cells, '[,"]'), False)
    if not pc.any(marked).as_py():
        return Read(cells)
    read = by_distinct(cells.filter(marked), _one_reference)
    values = pc.replace_with_mask(cells, marked, read.values)
    bad = pc.and_(cells.is_valid(), values.is_null())
    advice = 'write one name, quoted as a whole or not at all: "Main, West"'
    return _refusing(cells, values, bad, "is no single reference: ", advice)


def _one_reference(text: str) -> tuple[str | None, str | None]:
    """Return the cell as a list of one item, or ``None`` if it is quoted and is not one reference."""
    items = references.parse(text) if text.startswith('"') else [text]
    return (references.join(items) if items and len(items) == 1 else None), None


def _refusing(cells: pa.Array, values: pa.Array, bad: pa.Array, before: str, advice: str) -> Read:
    """Return ``values`` as a result in which the cells marked ``bad`` are refused with a message."""
    if not pc.any(bad).as_py():
        return Read(values)
    some = message(cells.filter(bad), before, advice, "; or leave the cell blank")
    return Read(
        pc.if_else(bad, _NULL, values),
        pc.replace_with_mask(pa.nulls(len(cells), pa.string()), bad, some),
    )
