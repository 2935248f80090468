"""Watches the upload folders: each new content of a dropped file becomes one import, and is moved when that ends.

A ``tick`` does a limited amount of work in four steps: it moves the files of ended imports, registers files that no
longer change, lists the folders for new files (``listing.py``), and returns the imports to launch. Each step can
be interrupted at any point; the next tick, or another daemon, continues it. The table ``uploads``
(``registry/dropped_files.py``) records what has been done. The cursor only says where the listing continues, and may be
lost. A file on which the work fails is recorded with the reason and retried later; the others are not held up.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import psycopg

from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.filestore.stores import FileReplaced, StoreUnreachable
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import Mode
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.printable import printable
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import dropped_files, import_records, import_updates
from imports_pipeline.registry.dropped_files import DroppedFile, Request
from imports_pipeline.sources import dropped_file_options
from imports_pipeline.workflow.dropped_files.listing import UploadListing
from imports_pipeline.workflow.dropped_files.results import write_results
from imports_pipeline.workflow.import_workflow import ImportWorkflow

Connection = psycopg.Connection[object]

# Seconds that each of the three steps of a tick with work on the store may take before it leaves the rest to the next
# tick. A tick then ends within the five seconds between two ticks.
_STEP_SECONDS: Final = 1.3
# The number of files that are compared with the table in one query.
_WINDOW: Final = 1000
# The listing leaves out an organization that has files for this many ticks whose imports have not ended.
_WAITING_TICKS: Final = 20
# Request the run of an import again if it has not started after this time; the daemon may have died in between.
_OFFER_AGAIN: Final = timedelta(seconds=60)
# A local file must be unchanged in two ticks, which are five seconds apart. With two daemons, whose ticks may be
# closer together, it must be unchanged for at least this many seconds.
_SETTLE_SECONDS: Final = 3.0
# A file of up to this size is read to count its rows, because mode `sync` has a limit of rows.
_COUNTED_BYTES: Final = 1024 * 1024
# Files of these kinds have no more records than line ends. Other kinds must be unpacked before rows can be counted.
_PLAIN: Final = (".csv", ".tsv", ".txt")


@dataclass
class Tick:
    """The result of a tick: the imports to launch, sentences for a person, and the cursor for the next tick."""

    cursor: str
    launches: list[Import] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Add a sentence. Control characters are escaped, because the sentence may hold file names from outside."""
        self.notes.append(printable(sentence))


@dataclass(frozen=True)
class Watcher:
    """Watches the file store of a workflow; ``clock`` returns monotonic seconds."""

    workflow: ImportWorkflow
    settle_seconds: float = _SETTLE_SECONDS
    step_seconds: float = _STEP_SECONDS
    window: int = _WINDOW
    offer_again: timedelta = _OFFER_AGAIN
    clock: Callable[[], float] = time.monotonic

    def tick(self, cursor: str = "") -> Tick:
        """Do the work of one tick. The listing continues where the tick that returned ``cursor`` has stopped.

        The cursor of the returned tick is never empty, because Dagster would keep the previous cursor then.
        """
        tick = Tick(cursor)
        settings = self.workflow.settings
        # An S3 object appears only when its upload is complete. A local file is complete if it has not changed since
        # an earlier tick.
        settles = isinstance(self.workflow.store, LocalStore)
        with self.workflow.database.connect() as connection:
            self._move_ended(connection, tick)
            if settles:
                self._register(connection, tick, self.settle_seconds)
            listing = UploadListing(
                self.workflow.store,
                connection,
                tick.note,
                waiting_limit=_WAITING_TICKS * settings.uploads_a_tick,
                window=self.window,
            )
            after = listing.list_new(_after(cursor), self._time_from_first_look())
            tick.cursor = _cursor(after)
            if not settles:
                self._register(connection, tick, 0)
            offered = dropped_files.offer(connection, settings.uploads_a_tick, self.offer_again)
            tick.launches = [import_records.get_import(connection, import_id) for import_id in offered]
        return tick

    def _time_from_first_look(self) -> Callable[[], bool]:
        """Return a function that returns True if its first call was more than ``step_seconds`` ago.

        The listing calls it when the store has answered for the first time. The answer of a slow S3 takes seconds, but
        has 1,000 files, and a tick that looked at only one of them would have to request them all again.
        """
        deadline: float | None = None

        def out_of_time() -> bool:
            nonlocal deadline
            now = self.clock()
            deadline = now + self.step_seconds if deadline is None else deadline
            return now > deadline

        return out_of_time

    # --- registering imports

    def _register(self, connection: Connection, tick: Tick, seconds: float) -> None:
        rows = dropped_files.settled(connection, seconds, self.workflow.settings.uploads_a_tick)
        self._each(connection, tick, rows, self._register_one)

    def _register_one(self, connection: Connection, tick: Tick, row: DroppedFile) -> None:
        now = self.workflow.store.stat(row.key)
        if now is None:
            dropped_files.end(connection, row, "gone", "It was removed before it was imported.")
        elif now.version != row.version:
            # It still changes. Its organization may have too many waiting files to be listed in this tick.
            dropped_files.record_seen(connection, row.organization_id, now)
        else:
            import_ = dropped_files.register(connection, row, self._request(row))
            if import_ is not None:
                tick.note(f"{row.key} is {import_.id}" + _failed(import_))

    def _each(
        self,
        connection: Connection,
        tick: Tick,
        rows: list[DroppedFile],
        work: Callable[[Connection, Tick, DroppedFile], None],
    ) -> None:
        """Do the work for each row while there is time. A file on which it fails does not hold up the others."""
        deadline = self.clock() + self.step_seconds
        for row in rows:
            if self.clock() > deadline:
                return
            try:
                work(connection, tick, row)
            except StoreUnreachable:
                raise  # No file can be worked on.
            except (OSError, ValueError) as error:
                reason = f"The work on it failed and is retried every minute: {_sentence(error)}."
                dropped_files.set_aside(connection, row, printable(reason))
                tick.note(f"{row.key}: {reason}")

    def _request(self, row: DroppedFile) -> Request:
        drop = dropped_file_options.parse_key(row.key)
        options_version, refusal, name = None, None, None
        try:
            text, options_version = self._options_file(drop)
            options, name = dropped_file_options.options_of(drop, text, self._mode(row))
        except InvalidOption as error:
            options, refusal = dropped_file_options.default_options(drop), f"{error}."
        return Request(
            drop.organization_id,
            drop.resource,
            options,
            self.workflow.store.uri(row.key),
            name,
            options_version,
            refusal,
        )

    def _options_file(self, drop: dropped_file_options.DropPath) -> tuple[bytes | None, str | None]:
        key = drop.key + dropped_file_options.OPTIONS_EXTENSION
        found = self.workflow.store.stat(key)
        if found is None:
            return None, None
        try:
            with self.workflow.store.open_read(key) as file:
                return file.read(dropped_file_options.OPTIONS_BYTES + 1), found.version
        except FileNotFoundError:
            return None, None
        except PermissionError:
            raise InvalidOption(
                f"{printable(drop.name)}{dropped_file_options.OPTIONS_EXTENSION} may not be read by this process"
            ) from None

    def _mode(self, row: DroppedFile) -> Mode:
        """Return ``sync`` for a file that is certainly within its limits: it needs one run less than ``mixed``."""
        settings = self.workflow.settings
        limit = min(_COUNTED_BYTES, settings.sync_bytes)
        if row.size > limit or not row.key.lower().endswith(_PLAIN):
            return Mode.MIXED
        try:
            with self.workflow.store.open_read(row.key) as file:
                text = file.read(limit + 1)
        except (FileNotFoundError, PermissionError):
            # The import fails with this reason.
            return Mode.MIXED
        records = max(text.count(b"\n"), text.count(b"\r"))
        return Mode.SYNC if len(text) <= limit and records <= settings.sync_rows else Mode.MIXED

    # --- moving the files of ended imports

    def _move_ended(self, connection: Connection, tick: Tick) -> None:
        rows = dropped_files.ended(connection, 2 * self.workflow.settings.uploads_a_tick)
        self._each(connection, tick, rows, self._move_one)

    def _move_one(self, connection: Connection, tick: Tick, row: DroppedFile) -> None:
        assert row.import_id is not None
        import_ = import_records.get_import(connection, row.import_id)
        try:
            state, trouble = self._move(connection, row, import_), None
        except PermissionError as error:
            # Record that the file stays, so that the next listing does not treat it as new.
            state, trouble = "left", f"This process may not move it: {error.strerror}."
        dropped_files.end(connection, row, state, trouble)
        tick.note(f"{row.key} ({row.import_id}, {import_.status}): {state}")

    def _move(self, connection: Connection, row: DroppedFile, import_: Import) -> str:
        """Move a dropped file and its options to ``done/`` or ``failed/``, and write its results; return its state.

        Only the content that was imported is moved. The results are written even if the file was replaced or removed,
        or stays. Steps that an interrupted tick has already done are recognised and skipped.
        """
        store, drop = self.workflow.store, dropped_file_options.parse_key(row.key)
        target = drop.target(import_.id, completed=import_.status is Status.COMPLETED)
        write_results(store, import_, drop, target)
        if self.workflow.settings.uploads_after == "leave":
            return "left"
        lies = store.stat(row.key)
        moved = store.stat(target) is not None
        # The same content may have been dropped again since the move. S3 has whole seconds only.
        again = lies is not None and moved and int(lies.modified) != int(row.modified)
        if lies is not None and lies.version == row.version and not again:
            with suppress(FileReplaced, FileNotFoundError):
                store.move(row.key, target, version=row.version)
                moved = True
        if not moved:
            return "gone" if lies is None else "superseded"
        if row.options_version is not None:
            options = row.key + dropped_file_options.OPTIONS_EXTENSION
            with suppress(FileReplaced, FileNotFoundError):
                store.move(
                    options, target + dropped_file_options.OPTIONS_EXTENSION, version=row.options_version
                )
        # Record the new place, so that the import can be run again from it.
        import_updates.update_import(connection, import_.id, source_uri=store.uri(target))
        return "moved"


def _cursor(after: str) -> str:
    """Return the cursor that continues after the key ``after``; "" means the first key."""
    return json.dumps({"after": after})


def _after(cursor: str) -> str:
    """Return the key to continue after.

    A cursor that is not JSON starts a new round. Earlier versions stored bare keys, and kept the last one at the end of
    a round, so that earlier keys were never listed again.
    """
    try:
        read = json.loads(cursor)
    except ValueError:
        return ""
    after = read.get("after") if isinstance(read, dict) else None
    return after if isinstance(after, str) else ""


def _failed(import_: Import) -> str:
    return f", which failed: {import_.reason}" if import_.status is Status.FAILED else ""


def _sentence(error: Exception) -> str:
    """Return what an error says, without the full stop at its end."""
    return (getattr(error, "strerror", None) or str(error)).removesuffix(".")
