"""Reads a file with the memory of the last one of its kind, and prepares the memory for the next."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

import psycopg

from imports_pipeline.database import write_lock
from imports_pipeline.import_phases.checked_rows import CheckedRows
from imports_pipeline.import_phases.memory import memories as stored
from imports_pipeline.import_phases.memory.fingerprint_index import MOST_ROWS
from imports_pipeline.import_phases.memory.fingerprints import BYTES, KEY_BYTES, Fingerprints
from imports_pipeline.import_phases.memory.kinds import has_links, kind_of, may_be_remembered
from imports_pipeline.import_phases.memory.known_rows import KnownRows
from imports_pipeline.import_phases.memory.memory_files import Unreadable
from imports_pipeline.import_phases.memory.remembered_rows import MemoryMisled
from imports_pipeline.import_phases.memory.row_reading import Check, RowReading
from imports_pipeline.import_phases.memory.touched_records import (
    Now,
    all_ids,
    see,
    server_of,
    touched,
    unknown_since,
)
from imports_pipeline.import_phases.opened_upload import Source
from imports_pipeline.model.files import Files
from imports_pipeline.model.imports import Import
from imports_pipeline.model.notices import Notice
from imports_pipeline.model.option_choices import Action
from imports_pipeline.reading import TableReader
from imports_pipeline.schemas.catalog import RESOURCES, IdentityKey

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class MemoryRule:
    """Which files are remembered.

    Attributes:
        least_bytes: The size of the smallest file.
        least_rows: The smallest number of rows that a memory knows.
        most_rows: The largest number of rows, of whose fingerprints twelve bytes each are in memory.
        always_read: The number of records at the beginning that are always read.
        shown: The number of accepted rows among them that people may be shown.
        most_touched: The largest number of records that may have been written since.
        bits: The size of a fingerprint.
    """

    least_bytes: int = 1024 * 1024
    least_rows: int = 1_000
    most_rows: int = MOST_ROWS
    always_read: int = 1_000
    shown: int = 200
    most_touched: int = 200_000
    bits: int = 8 * BYTES


@dataclass(frozen=True)
class Memories:
    """The memories of an installation.

    Attributes:
        folder: Returns the folder of a name in the file store.
        rule: Which files are remembered.
        misled: Why every row of an import is read, if its memory has misled it.
    """

    folder: Callable[[str], Files]
    rule: MemoryRule = MemoryRule()
    misled: str | None = None


@dataclass
class Remembering:
    """The use of memories in one import.

    Attributes:
        connection: A connection whose transaction reads the organization's own tables.
        import_: The import.
        files: Its files.
        memories: The memories.
        remembered: The number of rows that the memory knows, after ``check``.
        notices: What a person should know, after ``check``.
    """

    connection: Connection
    import_: Import
    files: Files
    memories: Memories
    remembered: int = 0
    notices: list[Notice] = field(default_factory=list)

    def check(
        self,
        source: Source,
        size: int,
        check: Check,
        in_parts: Callable[[Fingerprints], CheckedRows | None] | None = None,
    ) -> CheckedRows | None:
        """Check the rows of a file with the help of a memory, or return None if its kind is not remembered.

        Args:
            source: the opened upload.
            size: its size in bytes.
            check: checks the rows that are read.
            in_parts: checks every row of a large file in several processes, which note the fingerprints.
        """
        self.remembered = 0
        if size < self.memories.rule.least_bytes or not may_be_remembered(source.import_):
            return None
        keys = _keys(source)
        kind = kind_of(source, source.import_, server_of(self.connection)) if keys else None
        if kind is None:
            return None
        organization = self.import_.organization_id
        # Before the records are looked at: a write that comes after this is noticed in ``transforming``.
        versions = write_lock.read(self.connection, organization)
        memory = stored.find(self.connection, organization, kind)
        resource, then = RESOURCES[self.import_.resource], memory.seen if memory else None
        with ThreadPoolExecutor(1, "memory") as pool:
            # The memory is read while PostgreSQL looks at the records. The context has the deadline for the file store.
            known = None
            if memory is not None and self.memories.misled is None:
                known = pool.submit(copy_context().run, self._known_rows, memory, len(keys))
            now = see(self.connection, organization, resource, then, has_links=has_links(source))
        key = memory.key if memory else os.urandom(KEY_BYTES)
        rule = self.memories.rule
        fingerprints = Fingerprints(key, rule.bits)
        reading = RowReading(source, self.files, keys, fingerprints, rule.most_rows, check)
        done = None
        if self.memories.misled is not None:
            self._say(self.memories.misled)
        if memory is not None and known is not None:
            try:
                done = self._with_memory(reading, memory, known.result(), now, versions)
            except (MemoryMisled, Unreadable) as why:
                self._say(f"its file {why} cannot be read" if isinstance(why, Unreadable) else str(why))
        known = None  # It takes memory that the checks of all rows need.
        if done is None and in_parts is not None:
            done = in_parts(fingerprints)
        if done is None:
            done = reading.without_memory()
        assert isinstance(source.table, TableReader), "a kind has text"
        is_small = done.total <= self.memories.rule.most_rows
        if is_small and not self.import_.options.dry_run and not source.table.doubtful:
            stored.begin(self.connection, self.import_.id, organization, kind, key, now.seen)
        return done

    def _known_rows(self, memory: stored.Memory, keys: int) -> KnownRows:
        """Return the rows that a memory knows. Raises like ``KnownRows.read``."""
        return KnownRows.read(self.memories.folder(f"imports/{memory.import_id}"), memory.digests, keys)

    def _with_memory(
        self,
        reading: RowReading,
        memory: stored.Memory,
        known: KnownRows,
        now: Now,
        versions: Mapping[str, int],
    ) -> CheckedRows:
        """Return what the rows are, of which the memory may know some.

        Raises:
            MemoryMisled: the outcome could differ from that without the memory.
            Unreadable: a file of the memory is missing or damaged.
        """
        organization, resource = self.import_.organization_id, RESOURCES[self.import_.resource]
        if why := unknown_since(memory.seen, now, self.memories.rule.most_touched):
            raise MemoryMisled(f"{why} since the last file of this kind")
        since = touched(self.connection, organization, resource, reading.keys, memory.seen, now)
        if since.rows.num_rows:
            known.exclude_ids(since.rows["id"])
            known.exclude_keys([since.rows[f"k{at}"] for at in range(len(reading.keys))])
        if not since.all_left:
            known.exclude_missing(all_ids(self.connection, organization, resource))
        rule, done = self.memories.rule, None
        untouched = not since.rows.num_rows and since.all_left
        if (
            untouched
            and memory.whole
            and stored.is_same_file(self.connection, self.import_.id, memory.import_id)
        ):
            done = reading.first_rows(known, always_read=rule.always_read)
        if done is None:
            done = reading.with_memory(known, always_read=rule.always_read, shown=rule.shown)
        if not known.count:
            return done
        names = [key.name for key in reading.keys]
        with ThreadPoolExecutor(1, "memory") as pool:
            left_out = None
            if self.import_.options.action is Action.OVERWRITE:
                left_out = pool.submit(copy_context().run, known.write_left_out, self.files, since.rows["id"])
            self.remembered = known.write_remembered(self.files, names, now.seen, versions)
            if left_out is not None:
                left_out.result()
        return done

    def _say(self, why: str) -> None:
        """Add the notice that every row is read, and why."""
        self.notices = [
            Notice("memory_not_used", f"Every row was read, and not only what has changed: {why}.")
        ]


def _keys(source: Source) -> Sequence[IdentityKey]:
    """Return the identity keys that rows are matched by, in order, or none if they cannot be compared."""
    resource = RESOURCES[source.import_.resource]
    keys = [resource.key(name) for name in source.match_on]
    keys = [key for key in keys if set(key.fields) <= set(source.layout.fields)]
    return () if any(len(key.fields) > 1 for key in keys) else keys
