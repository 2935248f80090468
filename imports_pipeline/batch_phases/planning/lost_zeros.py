"""A notice about external ids that have become numbers: they lost their leading zeros, or got decimals.

A spreadsheet reads 00017 as the number 17, and a program that knows only floating-point numbers writes 17.0. Such a row
matches no record, so it becomes a new record, and an overwrite removes the old one. The ids are valid as they are
written, so no row is rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg import sql

from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.database.literals import literal
from imports_pipeline.model.imports import Batch
from imports_pipeline.model.notices import Notice
from imports_pipeline.schemas.catalog import RESOURCES

# The number of rows that are examined. A spreadsheet changes the whole column, so the first rows show the fault. Each
# row costs an index lookup for every number of zeros that is tried.
_ROWS: Final = 1_000
# The largest number of leading zeros that is tried.
_ZEROS: Final = 12


def lost_zeros(
    connection: psycopg.Connection[Any], batch: Batch, fields: Sequence[str]
) -> tuple[Notice, ...]:
    """Return a notice if external ids of new records differ from stored ones only by zeros of a number."""
    if "external_id" not in fields:
        return ()
    found = connection.execute(
        sql.SQL(
            """
            WITH new AS MATERIALIZED (
                SELECT {external_id} AS id FROM {items}
                WHERE is_new AND {external_id} ~ '^[0-9]+([.,]0+)?$'
                    -- PostgreSQL evaluates this once, and does not read the items if no external id is stored.
                    AND EXISTS (SELECT FROM {table}
                                WHERE organization_id = %(organization)s AND external_id IS NOT NULL)
                ORDER BY line LIMIT {rows}
            ), variants AS MATERIALIZED (
                SELECT new.id, repeat('0', zeros) || ltrim(regexp_replace(new.id, '[.,]0+$', ''), '0') AS other
                FROM new, generate_series(0, {zeros}) AS zeros
            )
            SELECT count(DISTINCT variants.id), min(ARRAY[variants.id, stored.external_id])
            FROM variants JOIN {table} AS stored
                ON stored.organization_id = %(organization)s AND stored.external_id = variants.other
            WHERE variants.other <> variants.id
            """
        ).format(
            external_id=sql.Identifier(f"f{list(fields).index('external_id')}"),
            items=Staging(batch.id).items,
            table=sql.Identifier(RESOURCES[batch.resource].table),
            rows=literal(_ROWS),
            zeros=literal(_ZEROS),
        ),
        {"organization": batch.organization_id},
    ).fetchone()
    if found is None or not found[0]:
        return ()
    count, (given, stored) = found
    number = "one row" if count == 1 else f"{count:,} rows" if count < _ROWS else f"{count:,} rows or more"
    return (
        Notice(
            "lost_zeros",
            f"The external_id of {number} differs from a stored one only by {_difference(given)} (`{given}` in the "
            f"file, `{stored}` stored), so new records are created: if a spreadsheet or a program made numbers of the "
            "ids, format the column as text there and export it again.",
        ),
    )


def _difference(given: str) -> str:
    return "leading zeros" if given.isdigit() else "zeros as decimals"
