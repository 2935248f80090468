"""Cleanup: under ``overwrite``, removes every record of the scope that the file does not name."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import sql

from imports_pipeline.batches.links import remove_links
from imports_pipeline.batches.scope import is_removed
from imports_pipeline.model.imports import Batch
from imports_pipeline.model.options import Action
from imports_pipeline.model.phases import Phase, PhaseResult
from imports_pipeline.schemas.catalog import RESOURCES

_REMOVED: Final = sql.Identifier("removed_records")


def cleanup(batch: Batch, connection: psycopg.Connection[Any], total: int) -> PhaseResult:
    """Remove what the plan counted as ``overwritten``, in the transaction of ``processing``.

    ``total`` is the count of items that processing passed on. A record whose row was rejected stays.
    """
    overwritten = 0
    if batch.action is Action.OVERWRITE:
        resource = RESOURCES[batch.resource]
        connection.execute('CREATE TEMP TABLE removed_records (id text COLLATE "C") ON COMMIT DROP')
        statement = sql.SQL(
            "WITH removed AS (DELETE FROM {table} t WHERE {condition} RETURNING t.id)"
            " INSERT INTO {removed} SELECT id FROM removed"
        ).format(table=sql.Identifier(resource.table), condition=is_removed(batch), removed=_REMOVED)
        overwritten = connection.execute(statement).rowcount
        # After the records, so that a link written meanwhile goes with its record.
        for relation in resource.relations:
            remove_links(connection, batch, _REMOVED, relation)
    return PhaseResult(Phase.CLEANUP, total, 0, {"overwritten": overwritten})
