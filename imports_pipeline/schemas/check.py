"""Check a batch of rows as written: return canonical values, and every error of every row.

Each error comes from exactly one of three steps. The readers (``values.py``) refuse cells that are not valid for their
field. The rules of the resource's Pandera schema check the canonical values of the other cells, and Pandera finds the
rows of a column that breaks one. ``row_rules.py`` has the rules over several cells. A row keeps all of its errors. No
Python code runs for each good row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.model.option_choices import Action, BadCells, BlankCells, MissingName
from imports_pipeline.schemas import catalog, row_rules, spreadsheet_cells, value_rules, values
from imports_pipeline.schemas.cells import message, trimmed
from imports_pipeline.schemas.left_out_cells import optional_cells
from imports_pipeline.schemas.spreadsheet_cells import Origin

#: The schema of ``Checked.errors``, which has one row for each error.
ERRORS: Final = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("code", pa.string(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("value", pa.string(), nullable=False),
        pa.field("message", pa.string(), nullable=False),
    ]
)
_BLANK_ROW: Final = "every cell of the row is blank; fill it in or remove it"


@dataclass(frozen=True)
class Checked:
    """The result of checking a batch.

    Attributes:
        values: the columns as canonical text, null where a cell is blank or invalid. Rows with errors are included.
        errors: the errors, with the schema ``ERRORS``: index of the row in the batch, stable code, field, value as
            written, and a message that says what to do. They are ordered by row and then by column; a field that is
            not in the file comes last. A blank row has one error, whose field is empty.
        left_out: the cells that were left out of rows without errors, in the same form; they are null in ``values``.
    """

    values: pa.RecordBatch
    errors: pa.Table
    left_out: pa.Table


@dataclass(frozen=True)
class _Errors:
    """Errors of one field and code: the rows (0-based), and a message for each."""

    rows: np.ndarray
    code: str
    field: str
    messages: pa.Array


def check_batch(
    resource: catalog.Resource,
    given: pa.RecordBatch,
    *,
    action: Action,
    match_on: Sequence[str],
    blank_cells: BlankCells,
    default_region: str | None,
    origin: Origin = Origin.TEXT,
    bad_cells: BadCells | None = None,
    missing_name: MissingName | None = None,
) -> Checked:
    """Read and check a batch of rows.

    A ``delete`` is checked for its ``id`` alone, since nothing else of the row is used: a mistyped phone must not
    prevent a deletion. Other cells that cannot be read are null without an error.

    Args:
        resource: the resource of the rows.
        given: one string column for each field, with the text as written and ``""`` for an empty cell.
        action: the action of the import.
        match_on: the names of the identity keys; empty means the resource's default.
        blank_cells: what a blank cell means.
        default_region: the region (ISO 3166-1) of phone numbers without a country code.
        origin: the kind of file, which decides which marks of spreadsheets are looked for.
        bad_cells: whether an invalid value of an optional field rejects its row.
        missing_name: whether an email stands in for the name of a new contact.

    Raises:
        KeyError: if a column is no field of the resource, or a key is unknown.
    """
    names = given.schema.names
    count = given.num_rows
    deletes = action is Action.DELETE
    filled: dict[str, np.ndarray] = {}
    columns: list[pa.Array] = []
    errors: list[_Errors] = []
    fields = [_field(resource, name) for name in names]
    trimmed_columns = [trimmed(cells) for cells in given.columns]
    for field, column in zip(
        fields, spreadsheet_cells.remove_marks(fields, trimmed_columns, origin), strict=True
    ):
        name, code = field.name, values.CODES.get(field.kind, "invalid_value")
        filled[name] = np.asarray(column.texts.is_valid())
        damaged = spreadsheet_cells.find_damaged(field, column, origin, code)
        read = values.read(
            field,
            resource,
            spreadsheet_cells.without_cells(column.texts, damaged),
            default_region=default_region,
        )
        columns.append(read.values)
        if deletes and name != "id":
            continue
        errors += [_Errors(one.rows, one.code, name, one.messages) for one in damaged]
        if read.reasons is not None:
            bad = np.flatnonzero(np.asarray(read.reasons.is_valid()))
            errors.append(_Errors(bad, code, name, read.reasons.take(pa.array(bad))))
    canonical = pa.RecordBatch.from_arrays(columns, names=names)
    if not deletes:
        errors += _pandera_errors(resource, canonical)
    blank = row_rules.blank_rows(filled, count)
    keys = [resource.key(name) for name in match_on or resource.default_match_on]
    optional: dict[str, np.ndarray] = {}
    if bad_cells is BadCells.LEAVE_OUT and not deletes:
        optional = optional_cells(resource, keys, given, filled, _rows_by_field(errors, count), action)
        filled |= {field: filled[field] & ~left for field, left in optional.items()}
    stands_in = filled.get("email") if missing_name is MissingName.EMAIL else None
    needed = row_rules.required_values(
        resource,
        filled,
        count,
        action=action,
        match_on=[key.name for key in keys],
        blank_cells=blank_cells,
        stands_in={} if stands_in is None else {"name": stands_in},
    )
    for broken in needed:
        kept = broken.rows[~blank[broken.rows]]
        errors.append(_Errors(kept, broken.code, broken.field, pa.repeat(broken.message, len(kept))))
    blanks = np.flatnonzero(blank)
    errors.append(_Errors(blanks, "blank_row", "", pa.repeat(_BLANK_ROW, len(blanks))))
    if resource.name == "group" and not deletes:
        misplaced = row_rules.misplaced_locations(canonical)
        messages = pa.repeat(misplaced.message, len(misplaced.rows))
        errors.append(_Errors(misplaced.rows, misplaced.code, misplaced.field, messages))
    if stands_in is not None and any(key.name == "name" for key in keys):
        canonical = _named_by_email(canonical, filled, keys)
    errors, left_out = _without_optional(errors, optional, count)
    for name, left in _rows_by_field(left_out, count).items():
        at = names.index(name)
        kept = pc.if_else(pa.array(left), pa.scalar(None, pa.string()), canonical.column(at))
        canonical = canonical.set_column(at, name, kept)
    return Checked(canonical, _table(errors, given), _table(left_out, given))


def _named_by_email(
    canonical: pa.RecordBatch, filled: Mapping[str, np.ndarray], keys: Sequence[catalog.IdentityKey]
) -> pa.RecordBatch:
    """Fill in the email as name of rows without a key, where records are matched by name.

    Such a row made a contact that has its email as name. Without this it would make another one each time.
    """
    if "name" not in filled:
        return canonical
    lacking = np.ones(canonical.num_rows, dtype=bool)
    for key in keys:
        lacking &= ~np.logical_and.reduce([filled.get(field, np.zeros_like(lacking)) for field in key.fields])
    at = canonical.schema.get_field_index("name")
    name = pc.if_else(pa.array(lacking), canonical.column("email"), canonical.column("name"))
    return canonical.set_column(at, "name", name)


def _rows_by_field(errors: Sequence[_Errors], count: int) -> dict[str, np.ndarray]:
    """Return field → which of ``count`` rows (boolean) have an error of it."""
    found: dict[str, np.ndarray] = {}
    for error in errors:
        if len(error.rows):
            found.setdefault(error.field, np.zeros(count, dtype=bool))[error.rows] = True
    return found


def _without_optional(
    errors: Sequence[_Errors], optional: Mapping[str, np.ndarray], count: int
) -> tuple[list[_Errors], list[_Errors]]:
    """Divide errors into those of rejected rows, and those of rows in which every invalid cell may be left out."""
    if not optional:
        return list(errors), []
    rejected = np.zeros(count, dtype=bool)
    for error in errors:
        may = optional[error.field][error.rows] if error.field in optional else False
        rejected[error.rows[~np.broadcast_to(may, len(error.rows))]] = True
    divided = [
        [
            _Errors(error.rows[some], error.code, error.field, error.messages.filter(pa.array(some)))
            for error in errors
            for some in (rejected[error.rows] == of_rejected,)
        ]
        for of_rejected in (True, False)
    ]
    return divided[0], divided[1]


def _field(resource: catalog.Resource, name: str) -> catalog.Field:
    field = resource.find(name)
    if field is None:
        raise KeyError(f"{name!r} is no field of a {resource.name}")
    return field


def _pandera_errors(resource: catalog.Resource, canonical: pa.RecordBatch) -> list[_Errors]:
    """Check canonical values by the rules of the resource's Pandera schema; refused cells are null and pass."""
    broken = value_rules.broken_columns(resource, canonical)
    if not broken:
        return []
    # Imported here because Pandera takes 0.2 s to import, and most files need no report of its failures.
    from imports_pipeline.schemas.pandera_schemas.validation import failures

    return [
        _Errors(at, code, name, _messages(resource, canonical, name, code, at))
        for name, code, at in failures(resource, canonical.select(broken))
    ]


def _messages(
    resource: catalog.Resource, canonical: pa.RecordBatch, name: str, code: str, at: np.ndarray
) -> pa.Array:
    """Return the messages of values that break a rule of their field."""
    field = resource.find(name)
    texts = canonical.column(name).take(pa.array(at))
    if code == "value_too_long" and field is not None:
        lengths = pc.utf8_length(texts).cast(pa.string())
        rest = f" characters, and `{name}` takes at most {field.max_length}; shorten it"
        return message(texts, "is too long: it has ", lengths, rest)
    return message(texts, f"is not what `{name}` takes", "", "; correct it or leave the cell blank")


def _table(errors: Sequence[_Errors], given: pa.RecordBatch) -> pa.Table:
    """Return all errors as one table, ordered by row and then by column."""
    some = [error for error in errors if len(error.rows)]
    if not some:
        return ERRORS.empty_table()
    position = {name: at for at, name in enumerate(given.schema.names)}
    last = len(position)
    table = pa.concat_tables(
        pa.table(
            [
                pa.array(error.rows),
                pa.repeat(error.code, len(error.rows)),
                pa.repeat(error.field, len(error.rows)),
                _as_given(given, error),
                error.messages,
            ],
            schema=ERRORS,
        )
        for error in some
    )
    order = np.concatenate([error.rows * (last + 1) + position.get(error.field, last) for error in some])
    return table.take(pa.array(np.argsort(order, kind="stable")))


def _as_given(given: pa.RecordBatch, error: _Errors) -> pa.Array:
    """Return the cells as written, or "" for a field that is not in the file."""
    if error.field not in given.schema.names:
        return pa.repeat("", len(error.rows))
    cells = given.column(error.field).take(pa.array(error.rows)).cast(pa.string())
    return pc.fill_null(cells, "")
