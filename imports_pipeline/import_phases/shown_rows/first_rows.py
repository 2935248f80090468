"""The first rows of an import as they are written in the file and as they were understood.

After prevalidation they are read from its files, so they are what the import works with. Before, or if the import could
not read the file, they are read from the upload.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from typing import Any, BinaryIO, Final

import pyarrow.parquet as pq

from imports_pipeline.import_phases.files.accepted_rows import Layout, Rows
from imports_pipeline.import_phases.files.rejected_rows import RejectedRow, rejected_rows
from imports_pipeline.import_phases.freed_memory import release_memory
from imports_pipeline.import_phases.limits import Limits
from imports_pipeline.import_phases.opened_upload import read_options
from imports_pipeline.import_phases.shown_rows.understood_columns import (
    UnderstoodColumn,
    columns_by_name,
    understood_columns,
)
from imports_pipeline.model.files import REJECTED_ROWS, ROWS, UPLOAD, Files
from imports_pipeline.model.imports import Import
from imports_pipeline.reading import open_table
from imports_pipeline.schemas.catalog import RESOURCES

# The rows that are looked at for sample values.
_SAMPLED: Final = 200
_SAMPLES: Final = 3


@dataclass(frozen=True)
class FirstRow:
    """One row.

    Attributes:
        line: Its line in the file.
        cells: Its cells as written.
        record: Field → value as the import understands it, or None if the row could not be checked.
        errors: For each error its code, column (a header), value and message.
    """

    line: int
    cells: tuple[str, ...]
    record: Mapping[str, str] | None
    errors: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True)
class FirstRows:
    """The first rows of a file.

    Attributes:
        columns: How each column was understood.
        samples: For each column its first values.
        rows: The rows.
        fields: Header, as an error names it → the field that is read from it.
    """

    columns: list[UnderstoodColumn]
    samples: list[list[str]]
    rows: list[FirstRow]
    fields: Mapping[str, str]


def first_rows(import_: Import, files: Files, count: int, limits: Limits) -> FirstRows:
    """Return the first rows of an import.

    Args:
        import_: The import.
        files: Its files.
        count: The largest number of rows.
        limits: The limits of every file.

    Raises:
        FileNotFoundError: The import has no file yet, or its files are gone.
        NotATable: The upload is no table.
    """
    most, resource = max(count, _SAMPLED), RESOURCES[import_.resource]
    fields: Mapping[str, str] = {}
    if files.exists(REJECTED_ROWS) and files.exists(ROWS):
        with files.open_read(REJECTED_ROWS) as file:
            layout = Layout.read(pq.read_schema(file))
        columns, fields = understood_columns(import_, layout), layout.fields_of_headers(resource)
        rows = _understood(files, most)
    else:
        with files.open_read(UPLOAD) as upload:
            header, rows = _written(upload, import_, most, limits)
        columns = columns_by_name(resource, header)
    release_memory()
    samples = [list(islice(_values(rows, at), _SAMPLES)) for at in range(len(columns))]
    return FirstRows(columns, samples, rows[:count], fields)


def _values(rows: Sequence[FirstRow], at: int) -> Iterator[str]:
    """Yield the values of a column that are not blank, each once."""
    seen = {""}
    for row in rows:
        value = row.cells[at] if at < len(row.cells) else ""
        if value.strip() and value not in seen:
            seen.add(value)
            yield value


def _understood(files: Files, most: int) -> list[FirstRow]:
    accepted = {row.line: row for row in _accepted(files, most)}
    # Rows behind the last accepted one are not among the first, unless few were accepted.
    last = max(accepted) if len(accepted) >= most else None
    refused = islice(takewhile(lambda row: last is None or row.line <= last, rejected_rows(files)), most)
    rows = accepted | {row.line: _with_errors(row, accepted.get(row.line)) for row in refused}
    return [rows[line] for line in sorted(rows)][:most]


def _accepted(files: Files, most: int) -> Iterator[FirstRow]:
    """Yield the first rows that prevalidation has accepted."""
    with Rows(files) as rows:
        for line, cells, values in rows.head(most):
            written = zip(*(column.to_pylist() for column in cells.columns), strict=True)
            for at, own, record in zip(line.to_pylist(), written, values.to_pylist(), strict=True):
                yield FirstRow(
                    at, own, {field: value for field, value in record.items() if value is not None}
                )


def _with_errors(row: RejectedRow, accepted: FirstRow | None) -> FirstRow:
    if accepted is not None:
        return replace(accepted, errors=row.errors)
    return FirstRow(row.line, row.cells or ((row.raw,) if row.raw else ()), None, row.errors)


def _written(
    upload: BinaryIO, import_: Import, most: int, limits: Limits
) -> tuple[tuple[str, ...], list[FirstRow]]:
    """Return the header and the first rows of a file that was not checked."""
    reading = replace(read_options(import_.options, limits.unpacking(import_)), batch_rows=most)
    table = open_table(upload, reading, name=import_.source_uri or "")
    rows: list[FirstRow] = []
    for batch in table.batches():
        written: list[FirstRow] = []
        columns: list[list[Any]] = [column.to_pylist() for column in batch.cells.columns]
        for line, cells in zip(batch.line.to_pylist(), zip(*columns, strict=True), strict=True):
            written.append(FirstRow(line, cells, None))
        for bad in batch.malformed[:most]:
            error = {
                "code": bad.code,
                "column": "",
                "value": bad.value,
                "message": bad.message,
            }
            written.append(FirstRow(bad.line, bad.cells, None, (error,)))
        rows += sorted(written, key=lambda row: row.line)
        if len(rows) >= most:
            break
    return tuple(table.header), rows[:most]
