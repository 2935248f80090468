"""The commit of a dry run: its stored upload is imported with its options, if that does exactly what the plan shows.

A dry run of a revert has no upload; its commit is the revert.

The import that is registered here carries the checksum of the plan that was seen. Validation compares it with the plan
that is made then, and a write compares it again if its plan had to be made again, in the transaction of the write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from imports_pipeline.filestore.stores import Store
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.files import UPLOAD
from imports_pipeline.model.imports import Import, shown_as
from imports_pipeline.model.option_choices import Mode
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records, import_updates
from imports_pipeline.workflow.approval import copy_upload

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class SeenPlan:
    """What a caller says about the plan that was seen: its checksum, its counts, or both."""

    checksum: str | None = None
    counts: Mapping[str, int] | None = None


def request_commit(
    connection: Connection,
    store: Store,
    dry_run: Import,
    seen: SeenPlan,
    *,
    mode: Mode | None,
    source: str,
    created_by: str | None,
    history_days: int,
) -> tuple[Import, bool]:
    """Register the import or the revert that carries out a dry run, or find the one that does so already.

    Args:
        connection: a connection in a transaction that may write the organization's imports.
        store: the file store with the upload.
        dry_run: the dry run.
        seen: what the caller says about the plan.
        mode: the mode of the import; ``None`` for that of the dry run. Reverts have their own.
        source: the way in.
        created_by: the person or the key that commits.
        history_days: the days for which previous values of records are kept.

    Returns:
        The import, and True if this call registered it.

    Raises:
        InvalidOption: the dry run cannot be committed; the message says why, and what to do.
        PermanentFailure: the caller has seen another plan than that of the dry run (``plan_changed``).
        OSError: the upload cannot be copied; nothing is registered.
    """
    # A second caller waits here until the first one's import is registered.
    connection.execute("SELECT FROM imports WHERE id = %s FOR UPDATE", (dry_run.id,))
    dry_run = import_records.get_import(connection, dry_run.id)
    if not dry_run.options.dry_run or dry_run.status is not Status.COMPLETED:
        raise InvalidOption(
            f"{dry_run.id} ({dry_run.status}) is no dry run that has completed; there is no plan to commit."
        )
    if dry_run.plan_checksum is None:
        raise InvalidOption(
            f"{dry_run.id} has no plan_checksum, because an older version made it; run it dry again."
        )
    checksum = _seen_checksum(connection, dry_run, seen)
    if dry_run.commit is not None:
        return import_records.get_import(connection, dry_run.commit), False
    is_revert = dry_run.reverts is not None
    if dry_run.reverts is not None:
        import_records.check_revertible(import_records.get_import(connection, dry_run.reverts), history_days)
    elif not dry_run.has_upload_file or not store.exists(f"{dry_run.folder}/{UPLOAD}"):
        raise InvalidOption(f"The file of {dry_run.id} is no longer stored; import it again.")
    import_ = import_records.create_import(
        connection,
        organization_id=dry_run.organization_id,
        resource=dry_run.resource,
        options=replace(
            dry_run.options,
            dry_run=False,
            mode=dry_run.options.mode if is_revert else mode or dry_run.options.mode,
        ),
        source=source,
        name=dry_run.name,
        created_by=created_by,
        reverts=dry_run.reverts,
        commits=dry_run.id,
        expected_plan_checksum=checksum,
        via=dry_run.via,
    )
    if is_revert:
        return import_, True
    copy_upload(store, dry_run, import_)
    assert dry_run.checksum is not None, "a plan was made of its upload"
    import_updates.update_import(connection, import_.id, checksum=dry_run.checksum, has_upload_file=True)
    return import_records.get_import(connection, import_.id), True


def _seen_checksum(connection: Connection, dry_run: Import, seen: SeenPlan) -> str:
    """Return the checksum of the plan that the caller has seen: of the dry run, or of a commit of it that changed.

    Raises:
        PermanentFailure: neither has this checksum, or its counts are others.
    """
    plan = import_records.plan_of(connection, dry_run, seen.checksum or dry_run.plan_checksum or "")
    if plan is None or plan.plan_checksum is None:
        raise PermanentFailure(
            "plan_changed",
            f"No plan of {dry_run.id} has the plan_checksum that was given (its own is {dry_run.plan_checksum});"
            " nothing was changed. Look at the plan again, and commit it with its plan_checksum.",
        )
    has = {**plan.stats, **(plan.plan or {})}
    others = [
        f"{shown_as(name)} {count:,} → {has.get(name, 0):,}"
        for name, count in (seen.counts or {}).items()
        if has.get(name, 0) != count
    ]
    if others:
        raise PermanentFailure(
            "plan_changed",
            f"The plan of {plan.id} has other counts than those that were given: {', '.join(others)}; nothing was"
            " changed. Look at the plan again, and commit it with its counts.",
        )
    return plan.plan_checksum
