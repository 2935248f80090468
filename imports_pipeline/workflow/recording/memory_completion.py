"""Leaves the memory of a completed import: notes its write within the transaction, and writes the files after it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from imports_pipeline.batch_phases import pre_images
from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.database.literals import literal
from imports_pipeline.filestore.stores import Store
from imports_pipeline.import_phases.memory import memories
from imports_pipeline.import_phases.memory.kinds import may_be_remembered
from imports_pipeline.import_phases.memory.memory_files import Unreadable, digest_of
from imports_pipeline.import_phases.memory.new_memory import Written, find_memory, write_memory
from imports_pipeline.import_phases.memory.remembering import MemoryRule
from imports_pipeline.import_phases.memory.touched_links import links_changed
from imports_pipeline.import_phases.memory.touched_records import Changed, see_own
from imports_pipeline.model.files import FINGERPRINTS, NEW_ROWS, REMEMBERED
from imports_pipeline.model.imports import Batch, Import
from imports_pipeline.model.option_choices import Action, Remember
from imports_pipeline.model.phases import Phase
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records
from imports_pipeline.schemas.catalog import RESOURCES

Connection = psycopg.Connection[Any]


def note_write(connection: Connection, batch: Batch, counts: Mapping[str, int]) -> None:
    """Record what a write leaves, if its import is to be remembered. Call it at the end of the write's transaction.

    Args:
        connection: the connection of the write.
        batch: its batch.
        counts: the records that it has created, updated and removed.
    """
    if batch.import_id is None or batch.options.remember is Remember.OFF:
        return
    memory = memories.begun(connection, batch.import_id)
    if memory is None or not any(counts.get(name) for name in ("created", "updated", "overwritten")):
        return
    resource = RESOURCES[batch.resource]
    ids = sql.SQL(
        "SELECT id FROM {} WHERE is_new UNION ALL SELECT id FROM {} WHERE import_id = {} AND operation = 'overwritten'"
    ).format(Staging(batch.id).items, pre_images.table(resource), literal(batch.author))
    changed = Changed(counts.get("created", 0), counts.get("overwritten", 0), ids)
    memories.wrote(
        connection,
        batch.import_id,
        see_own(connection, batch.organization_id, resource, memory.seen, changed),
    )


@contextmanager
def memory_written_meanwhile(
    connection: Connection, import_: Import, store: Store, rule: MemoryRule
) -> Iterator[None]:
    """Write the memory of a validated import in a thread during the block, in which PostgreSQL does the work."""
    memory = memories.begun(connection, import_.id) if may_be_remembered(import_) else None
    if memory is not None and links_changed(
        connection, import_.organization_id, RESOURCES[import_.resource], memory.seen
    ):
        # Somebody else has changed links, or what they link to, since the file was read.
        memories.drop(connection, import_.id)
        store.folder(import_.folder).delete(FINGERPRINTS)
        memory = None
    if memory is None:
        yield
        return
    kept = _kept(connection, import_)
    with ThreadPoolExecutor(1, thread_name_prefix="memory") as pool:
        writing = pool.submit(copy_context().run, _write, import_, store, kept, rule)
        yield
        # The error is not lost: leave_memory finds no memory and meets it again.
        with suppress(OSError, pa.ArrowException, Unreadable):
            writing.result()


def _write(import_: Import, store: Store, kept: Sequence[str], rule: MemoryRule) -> Written | None:
    return write_memory(import_, store.folder(import_.folder), kept, rule, _token(import_, kept))


def _token(import_: Import, kept: Sequence[str]) -> str:
    """Return a token that is another one if phases have run again, or an overwrite keeps other records."""
    ended = [report["ended_at"] for report in import_.phases if report["name"] == Phase.VALIDATION]
    return hashlib.sha256(json.dumps([ended, *kept], default=str).encode()).hexdigest()


def leave_memory(connection: Connection, import_: Import, store: Store, rule: MemoryRule) -> None:
    """Write the memory of an import that has completed, and remove the one that it replaces."""
    if not may_be_remembered(import_) or import_.options.dry_run:
        return
    memory = memories.begun(connection, import_.id)
    if memory is None:
        return
    files = store.folder(import_.folder)
    if import_.status is not Status.COMPLETED:
        memories.drop(connection, import_.id)
        files.delete(NEW_ROWS)
        return
    kept = _kept(connection, import_)
    try:
        written = find_memory(files, _token(import_, kept)) or _write(import_, store, kept, rule)
    except Unreadable:
        # What the import has carried over from the last memory is gone.
        written = None
    files.delete(FINGERPRINTS)
    if written is None or (
        import_.options.action is Action.OVERWRITE
        and written.records != _in_scope(connection, import_, memory)
    ):
        # The scope has records that the memory does not know.
        memories.drop(connection, import_.id)
        return
    names = (NEW_ROWS, REMEMBERED) if import_.remembered else (NEW_ROWS,)
    digests = b"".join(digest_of(files, name) for name in names)
    whole = _is_whole(import_, written.rows)
    for replaced in memories.complete(connection, import_.id, whole=whole, digests=digests):
        folder = store.folder(import_records.get_import(connection, replaced).folder)
        for name in (NEW_ROWS, REMEMBERED):
            folder.delete(name)


def _in_scope(connection: Connection, import_: Import, memory: memories.Memory) -> int:
    """Return the number of records in the scope of an overwrite when it was written."""
    location = import_.options.location_id
    if location is None:
        return memory.records
    # If somebody has changed links since the write, this number is newer. Then the next import does not use the memory.
    row = connection.execute(
        "SELECT count(*) FROM contact_locations WHERE organization_id = %s AND location_id = %s",
        (import_.organization_id, location),
    ).fetchone()
    return int(row[0]) if row else 0


def _is_whole(import_: Import, rows: int | None) -> bool:
    """Return True if ``rows``, those that are remembered, are all records of the file."""
    return rows == import_.phases[0]["total"] and not import_.detected.get("passed_over")


def _kept(connection: Connection, import_: Import) -> list[str]:
    """Return the records that an overwrite has kept, although no accepted row names them."""
    if import_.options.action is not Action.OVERWRITE or import_.batch_id is None:
        return []
    return Staging(import_.batch_id).kept_records(connection)
