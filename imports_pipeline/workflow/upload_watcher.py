"""Watches the upload folders: each new content of a dropped file becomes one import, and is moved when that ends.

A ``tick`` does a limited amount of work in four steps: it moves the files of ended imports, registers files that no
longer change, lists the folders for new files, and returns the imports to launch. Each step can be interrupted at any
point; the next tick, or another daemon, continues it. The table ``uploads`` (``registry/dropped_files.py``) records
what has been done. The cursor only says where the listing continues, and may be lost. The listing goes in rounds: a
tick that runs out of time leaves the rest to the next tick, and after the last key the listing starts again at the
first.
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
from imports_pipeline.filestore.stores import FileReplaced
from imports_pipeline.model.files import StoredFile
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import Mode
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.printable import printable
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import dropped_files, import_records, import_updates
from imports_pipeline.registry.dropped_files import DroppedFile, Request
from imports_pipeline.sources import dropped_file_options
from imports_pipeline.workflow.dropped_file_results import write_results
from imports_pipeline.workflow.import_workflow import ImportWorkflow

Connection = psycopg.Connection[object]

# Seconds that each step of a tick may take before it leaves the rest to the next tick. Dagster stops a tick after 60 s.
_STEP_SECONDS: Final = 15.0
# The number of files that are compared with the table in one query.
_WINDOW: Final = 1000
# Request the run of an import again if it has not started after this time; the daemon may have died in between.
_OFFER_AGAIN: Final = timedelta(seconds=60)
# A local file must be unchanged in two ticks, which are five seconds apart. With two daemons, whose ticks may be
# closer together, it must be unchanged for at least this many seconds.
_SETTLE_SECONDS: Final = 3.0
# A file of up to this size is read to count its rows, because mode `sync` has a limit of rows.
_COUNTED_BYTES: Final = 1024 * 1024
# A string that sorts after every key: the highest Unicode code point.
_LAST: Final = "\U0010ffff"
# Files of these kinds have no more records than line ends. Other kinds must be unpacked before rows can be counted.
_PLAIN: Final = (".csv", ".tsv", ".txt")


class _OutOfTime(Exception):
    """The time for listing files in this tick is used up."""


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
            tick.cursor = _cursor(self._list_new(connection, tick, _after(cursor)))
            if not settles:
                self._register(connection, tick, 0)
            offered = dropped_files.offer(connection, settings.uploads_a_tick, self.offer_again)
            tick.launches = [import_records.get_import(connection, import_id) for import_id in offered]
        return tick

    # --- listing files

    def _list_new(self, connection: Connection, tick: Tick, after: str) -> str:
        """Record new files after the key ``after``. Return the key to continue after, or "" at the end of the round.

        Each call lists at least one file or folder, even on a slow file store, so that every round ends.
        """
        deadline = self.clock() + self.step_seconds
        begin = at = after
        window: list[StoredFile] = []

        def check_time() -> None:
            if at != after and self.clock() > deadline:
                raise _OutOfTime

        def skip_folder(place: str) -> str | None:
            nonlocal at
            check_time()
            ended = dropped_file_options.ended_folder(place)
            if ended is not None:
                # `0` sorts directly after `/`, so this key is after the folder's files and before everything else.
                at = f"{ended}0"
            elif place.endswith("/"):
                at = max(at, place)
            return ended

        try:
            for file in self.workflow.store.list(
                dropped_file_options.FOLDER, after=after or None, skip=skip_folder
            ):
                window.append(file)
                at = file.key
                if len(window) == self.window:
                    self._compare(connection, tick, window, begin, at)
                    begin, window = at, []
                check_time()
        except _OutOfTime:
            self._compare(connection, tick, window, begin, at)
            return at
        self._compare(connection, tick, window, begin, _LAST)
        return ""

    def _compare(
        self, connection: Connection, tick: Tick, files: list[StoredFile], after: str, upto: str
    ) -> None:
        """Compare the files with keys after ``after`` and up to ``upto`` with the rows of the table in that range."""
        known = dropped_files.known(connection, after, upto)
        there = {(file.key, file.version) for file in files}
        new = [
            file
            for file in files
            if (file.key, file.version) not in known and not dropped_file_options.is_left_alone(file.key)
        ]
        changing = {file.key for file in new}
        for identity, row in known.items():
            # The file of an open import is moved when the import ends. A file that still changes keeps its row.
            if identity in there or row.state == "imported" or (row.state == "seen" and row.key in changing):
                continue
            now = self.workflow.store.stat(row.key)
            if now is None or now.version != row.version:
                dropped_files.end(connection, row, "gone" if now is None else "superseded")
        for file in new:
            self._record(connection, tick, file)

    def _record(self, connection: Connection, tick: Tick, file: StoredFile) -> None:
        try:
            drop = dropped_file_options.parse_key(file.key)
        except dropped_file_options.Refused as refused:
            if dropped_files.record_skipped(connection, file, str(refused)):
                tick.note(f"Skipped {file.key}: {refused}")
            return
        dropped_files.record_seen(connection, drop.organization_id, file)

    # --- registering imports

    def _register(self, connection: Connection, tick: Tick, seconds: float) -> None:
        deadline = self.clock() + self.step_seconds
        for row in dropped_files.settled(connection, seconds, self.workflow.settings.uploads_a_tick):
            if self.clock() > deadline:
                return
            now = self.workflow.store.stat(row.key)
            if now is None:
                dropped_files.end(connection, row, "gone", "It was removed before it was imported.")
            elif now.version == row.version:
                import_ = dropped_files.register(connection, row, self._request(row))
                if import_ is not None:
                    tick.note(f"{row.key} is {import_.id}" + _failed(import_))

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
        deadline = self.clock() + self.step_seconds
        for row in dropped_files.ended(connection, 2 * self.workflow.settings.uploads_a_tick):
            if self.clock() > deadline:
                return
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
