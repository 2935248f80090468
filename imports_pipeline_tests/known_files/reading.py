"""Reads a file up to the values of its fields, in this process and without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO

from imports_pipeline.import_phases.opened_upload import Source
from imports_pipeline.model import ids
from imports_pipeline.model.imports import Import
from imports_pipeline.model.options import Options
from imports_pipeline.model.statuses import Status
from imports_pipeline.schemas.column_mapping.field_values import field_values


def opened(content: bytes, **options: object) -> Source:
    """Return a file of contacts with the plan of its columns."""
    now = datetime.now(UTC)
    import_ = Import(
        ids.new_id(ids.IMPORT), "", "contact", Options.of(options), Status.REQUESTED, "cli", now, now
    )
    return Source.open(import_, BytesIO(content))


def read(content: bytes, **options: object) -> list[dict[str, str]]:
    """Return the values of each row of a file of contacts: field → text, without blank ones."""
    source = opened(content, **options)
    rows: list[dict[str, str]] = []
    for batch in source.table.batches():
        values = field_values(batch.cells, source.mapping).values
        rows += [
            {field: text for field, text in row.items() if text and text.strip()}
            for row in values.to_pylist()
        ]
    return rows
