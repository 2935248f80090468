"""Runs one of phases 1 to 5 on the files that the phase before it has left in the import's folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import psycopg

from imports_pipeline.batch_phases.early_staging import EarlyStaging
from imports_pipeline.batch_phases.parsing import parse
from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.batch_phases.validation import validate
from imports_pipeline.database import write_lock
from imports_pipeline.database.editions import use_editions
from imports_pipeline.filestore.stores import Folder, Store
from imports_pipeline.import_phases.identity.protection import protect
from imports_pipeline.import_phases.limits import Limits
from imports_pipeline.import_phases.memory.remembering import Memories, Remembering
from imports_pipeline.import_phases.preparsing import preparse
from imports_pipeline.import_phases.prevalidation import prevalidate
from imports_pipeline.import_phases.transforming import transform
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.files import UPLOAD
from imports_pipeline.model.imports import Batch, Import
from imports_pipeline.model.option_choices import Action, Mode
from imports_pipeline.model.phases import IMPORT_PHASES, Phase, PhaseResult
from imports_pipeline.registry import dropped_files, import_records, import_updates, saved_mappings
from imports_pipeline.settings import Settings
from imports_pipeline.sources import fetching, part_files
from imports_pipeline.workflow.part_executors import part_wise

Connection = psycopg.Connection[Any]
Connect = Callable[[], AbstractContextManager[Connection]]


def fetch(
    connection: Connection,
    import_: Import,
    store: Store,
    settings: Settings,
    checkpoint: Callable[[], None],
    *,
    now: float,
) -> None:
    """Copy the source file into the import's folder, unless the upload is there already.

    ``checkpoint`` is called repeatedly and may raise.
    ``now`` is in epoch seconds. Raises ``PermanentFailure`` if there is no file, or if a dropped file was replaced.
    """
    files = store.folder(import_.folder)
    limit = settings.sync_bytes if import_.options.mode is Mode.SYNC else None
    if import_.source_uri is None:
        if not files.exists(UPLOAD):
            raise PermanentFailure(
                "source_not_found", "The import has no file; upload one, or name a source."
            )
        checksum = fetching.checksum(files, limit=limit)
        import_updates.update_import(connection, import_.id, checksum=checksum, has_upload_file=True)
        return
    if import_.checksum is not None and files.exists(UPLOAD):
        # It was copied early, or by a run that has died since. The source may have been replaced in the meantime.
        return
    unchanged = dropped_files.unchanged(connection, store, import_)
    unchanged()
    checksum = part_files.fetch(
        import_.source_uri,
        import_.options,
        files,
        limit=limit,
        now=now,
        unpacking=Limits.of(settings).unpacking(import_),
        checkpoint=checkpoint,
    )
    unchanged()
    import_updates.update_import(connection, import_.id, checksum=checksum, has_upload_file=True)


def run_phase(
    connection: Connection,
    import_: Import,
    phase: Phase,
    files: Folder,
    settings: Settings,
    checkpoint: Callable[[], None],
    memories: Memories,
    connect: Connect | None = None,
) -> PhaseResult:
    """Run one of phases 1 to 5 in the caller's transaction.

    ``checkpoint`` is called repeatedly and may raise. ``connect`` opens another connection, on which items are staged
    while ``transforming`` writes them.

    Raises:
        MemoryMisled: the phases must run again from the first one, without the memory of the last file.
    """
    if phase is Phase.PREVALIDATION:
        return prevalidate(
            import_,
            files,
            sync_rows=settings.sync_rows,
            checkpoint=checkpoint,
            parts=part_wise(settings),
            limits=Limits.of(settings),
            saved=saved_mappings.mapping_of(connection, import_),
            remembering=None if import_.is_batch else Remembering(connection, import_, files, memories),
        )
    if phase is Phase.PREPARSING:
        return preparse(import_, files)
    if phase is Phase.TRANSFORMING:
        batch = import_records.create_batch(connection, import_)
        current = write_lock.read(connection, import_.organization_id)
        import_updates.update_batch(connection, batch.id, generations=current)
        # A write that has replaced the tables since this transaction began is counted in `current`: read what it wrote.
        use_editions(connection, import_.organization_id)
        with EarlyStaging(connect, batch.id) if connect else nullcontext() as early:
            result = transform(import_, files, connection, checkpoint, early)
        if import_.options.action is Action.OVERWRITE:
            protect(import_, files)
        return result
    if import_.is_batch and phase is Phase.PARSING:
        return _parse_items(connection, import_, files, settings, checkpoint, memories, connect)
    batch = import_records.get_batch_of(connection, import_.id)
    if phase is Phase.PARSING:
        return parse(batch, files, connection)
    if Staging(batch.id).is_empty(connection):
        # PostgreSQL has crashed since phase 4, which empties the unlogged staging tables.
        parse(batch, files, connection)
    with_checksum = import_.expected_plan_checksum is not None
    result = validate(batch, files, connection, with_checksum=with_checksum)
    import_updates.update_batch(
        connection, batch.id, plan=result.facts["plan"], staged=result.facts["staged"]
    )
    return result


def is_outdated(connection: Connection, batch: Batch) -> bool:
    """Return True if stored records of the organization have changed since the batch's rows were matched with them.

    Rows that were never matched, because none of them was valid, are not outdated.
    """
    if batch.generations is None:
        return False
    return batch.generations != write_lock.read(connection, batch.organization_id)


def _parse_items(
    connection: Connection,
    import_: Import,
    files: Folder,
    settings: Settings,
    checkpoint: Callable[[], None],
    memories: Memories,
    connect: Connect | None,
) -> PhaseResult:
    """Parse the items of a batch that has no import. This includes the checks of phases 1 to 3."""
    results = []
    for phase in IMPORT_PHASES:
        results.append(run_phase(connection, import_, phase, files, settings, checkpoint, memories, connect))
        if results[-1].success == 0:
            break
    first = results[0]
    import_updates.update_import(connection, import_.id, detected=dict(first.facts["detected"]))
    if results[-1].success > 0:
        batch = import_records.get_batch_of(connection, import_.id)
        results.append(parse(batch, files, connection))
    notices = tuple(notice for result in results for notice in result.notices)
    return PhaseResult(Phase.PARSING, first.total, sum(result.error for result in results), notices=notices)
