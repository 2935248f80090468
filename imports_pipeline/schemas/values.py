"""Values: how the cells of one field are read, by its kind (``catalog.Kind``).

``read`` gives the canonical text of a column of trimmed cells and the reason of each cell that is not what
its field takes. Lengths are not looked at here: they are rules of the Pandera schemas.
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

#: kind → the code of a cell that is not of it; text is always text.
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
#: spelling (lower case) → canonical. A lone `x` is left out: it ticks a box in one file and crosses it out in
#: the next.
_SPELLINGS: Final[dict[str, str]] = {
    **dict.fromkeys(("true", "yes", "y", "t", "1", "on"), TRUE),
    **dict.fromkeys(("false", "no", "n", "f", "0", "off"), FALSE),
}
#: Texts that rows are matched by or that references name.
_COMPARED: Final = frozenset({"name", "external_id", "id_number"})
_NULL: Final = pa.scalar(None, pa.string())


def read(field: Field, resource: Resource, cells: pa.Array, *, default_region: str | None) -> Read:
    """Read a column of trimmed cells (null where blank) of ``field``."""
    match field.kind:
        case Kind.TEXT if field.name in _COMPARED:
            # Joiners change how people's names look, so those keep them.
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
    """Read yes and no in the usual spellings, any case, as ``true`` and ``false``."""
    return _read_listed(
        cells,
        _SPELLINGS,
        "is neither a yes nor a no: ",
        "write true or false (yes/no, y/n, t/f, 1/0, on/off do too)",
    )


def read_choices(cells: pa.Array, choices: tuple[str, ...]) -> Read:
    """Read one of ``choices`` in any case."""
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
    """Read ids of ``resource``, any case, as lower case (TypeID specification 0.3)."""
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
    """Read lists of references; the canonical text is the list as it is written."""
    _, unreadable = references.explode(cells)
    return _refusing(
        cells,
        cells,
        unreadable,
        "is no list of references: ",
        'separate them by commas, and quote one that holds a comma or a quote: "Smith, Ann","5"" pipe"',
    )


def read_reference(cells: pa.Array) -> Read:
    """Read one reference. The cell is no list: a comma is a part of the name, quoted as in a list or not.

    The canonical text is a list of one, so that ``references.explode`` reads exactly that reference.
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
    """Return the list of one that a cell means, or nothing if it is quoted and not one reference."""
    items = references.parse(text) if text.startswith('"') else [text]
    return (references.join(items) if items and len(items) == 1 else None), None


def _refusing(cells: pa.Array, values: pa.Array, bad: pa.Array, before: str, advice: str) -> Read:
    """Return ``values`` but where ``bad``: there, a message."""
    if not pc.any(bad).as_py():
        return Read(values)
    some = message(cells.filter(bad), before, advice, "; or leave the cell blank")
    return Read(
        pc.if_else(bad, _NULL, values),
        pc.replace_with_mask(pa.nulls(len(cells), pa.string()), bad, some),
    )
