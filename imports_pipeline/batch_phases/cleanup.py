"""Cleanup, the last phase: an ``overwrite`` removes every record of its scope that the file does not name."""

from __future__ import annotations

from typing import Any

import psycopg

from imports_pipeline.batch_phases import pre_images
from imports_pipeline.batch_phases.planning.scope import is_removed
from imports_pipeline.model import progress
from imports_pipeline.model.imports import Batch
from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.phases import Phase, PhaseResult
from imports_pipeline.schemas.catalog import RESOURCES


def clean_up(batch: Batch, connection: psycopg.Connection[Any], processed: PhaseResult) -> PhaseResult:
    """Remove the records that the plan counted as ``overwritten``, in the transaction of ``processing``.

    A record whose row was rejected stays.

    Args:
        batch: the batch, with its plan.
        connection: the connection on which ``process`` ran.
        processed: the result of ``process``. If it counts ``overwritten`` records, it has removed them.
    """
    overwritten = processed.facts.get("overwritten")
    planned = (batch.plan or {}).get("overwritten", 0)
    if overwritten is None and batch.action is Action.OVERWRITE and planned:
        parameters = {"organization": batch.organization_id, "author": batch.author}
        progress.step(f"removing {planned:,} {RESOURCES[batch.resource].table}")
        overwritten = pre_images.delete_and_keep(
            connection, batch, "overwritten", is_removed(batch), parameters
        )
    return PhaseResult(Phase.CLEANUP, processed.success, 0, {"overwritten": overwritten or 0})
