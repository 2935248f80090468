"""Watches the folders of uploads: each new content of a file becomes one import, and is put away when that ends.

Knows no Dagster. A ``tick`` is a bounded amount of work in four steps, each of which can be cut off anywhere and
is done by the next tick, or by another daemon: put away what has ended, register what has settled, look for
what is new, and say which imports to launch. What has been done is in the table of ``storage.uploads``; the
cursor only says where to go on looking, and may be lost. Looking goes round: a tick that is out of time leaves
the rest to the next, and the tick that reaches the last key is followed by one that begins at the first.
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
from imports_pipeline.filestore.stores import Replaced
from imports_pipeline.model.files import StoredFile
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.options import Mode
from imports_pipeline.model.printable import printable
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import dropped_files, import_records
from imports_pipeline.registry.dropped_files import DroppedFile, Request
from imports_pipeline.sources import dropped_file_options
from imports_pipeline.workflow.dropped_file_results import write_results
from imports_pipeline.workflow.import_workflow import ImportWorkflow

Connection = psycopg.Connection[object]

# Seconds that each step of a tick may take before it leaves the rest to the next; Dagster ends a tick after 60.
_STEP_SECONDS: Final = 15.0
# Files that are compared with the table at a time.
_WINDOW: Final = 1000
# How long to wait for the run of an import that was offered before offering it again.
_OFFER_AGAIN: Final = timedelta(seconds=60)
# A local file must look the same in two ticks, which are five seconds apart; of two daemons, at least this long.
_SETTLE_SECONDS: Final = 3.0
# Up to this size a file is read to know whether mode `sync` takes its rows.
_COUNTED_BYTES: Final = 1024 * 1024
# Behind every key.
_LAST: Final = "\U0010ffff"
# Such a file has no more records than line ends; of another kind nobody knows without unpacking it.
_PLAIN: Final = (".csv", ".tsv", ".txt")


class _OutOfTime(Exception):
    """The tick has looked for as long as it may."""


@dataclass
class Tick:
    """What a tick did: imports to launch, sentences for a person, and where the next goes on looking."""

    cursor: str
    launches: list[Import] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Add a sentence; the names in it are those of files, which somebody else chose."""
        self.notes.append(printable(sentence))


@dataclass(frozen=True)
class Watcher:
    """Watches the store of this workflow; ``clock`` gives monotonic seconds."""

    workflow: ImportWorkflow
    settle_seconds: float = _SETTLE_SECONDS
    step_seconds: float = _STEP_SECONDS
    window: int = _WINDOW
    offer_again: timedelta = _OFFER_AGAIN
    clock: Callable[[], float] = time.monotonic

    def tick(self, cursor: str = "") -> Tick:
        """Do a tick's work, looking for files from where the tick of this cursor stopped.

        The cursor of the returned tick is never empty, because Dagster keeps the cursor before in place of an
        empty one.
        """
        tick = Tick(cursor)
        settings = self.workflow.settings
        # A put to S3 is there whole; a local file is whole when it was the same in an earlier tick.
        settles = isinstance(self.workflow.store, LocalStore)
        with self.workflow.database.connect() as connection:
            self._put_away(connection, tick)
            if settles:
                self._register(connection, tick, self.settle_seconds)
            tick.cursor = _cursor(self._look(connection, tick, _after(cursor)))
            if not settles:
                self._register(connection, tick, 0)
            offered = dropped_files.offer(connection, settings.uploads_a_tick, self.offer_again)
            tick.launches = [import_records.get_import(connection, import_id) for import_id in offered]
        return tick

    # --- looking

    def _look(self, connection: Connection, tick: Tick, after: str) -> str:
        """Note new files behind the key ``after``; return the key to go on behind, or "" at the end of the round.

        However slow the store is, each call gets at least one file or folder further, so that a round ends.
        """
        deadline = self.clock() + self.step_seconds
        begin = at = after
        window: list[StoredFile] = []

        def check_time() -> None:
            if at != after and self.clock() > deadline:
                raise _OutOfTime

        def leap(place: str) -> str | None:
            nonlocal at
            check_time()
            ended = dropped_file_options.ended_folder(place)
            if ended is not None:
                # `0` comes after `/`: behind all that is in the folder of ended imports, before all else.
                at = f"{ended}0"
            elif place.endswith("/"):
                at = max(at, place)
            return ended

        try:
            for file in self.workflow.store.list(dropped_file_options.FOLDER, after=after or None, leap=leap):
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
        """Compare what lies behind ``after`` up to ``upto`` with what is known to lie there."""
        known = dropped_files.known(connection, after, upto)
        there = {(file.key, file.version) for file in files}
        new = [
            file
            for file in files
            if (file.key, file.version) not in known and not dropped_file_options.is_left_alone(file.key)
        ]
        changing = {file.key for file in new}
        for identity, row in known.items():
            # An import under way is put away when it has ended; a file that still changes keeps its row.
            if identity in there or row.state == "imported" or (row.state == "seen" and row.key in changing):
                continue
            now = self.workflow.store.stat(row.key)
            if now is None or now.version != row.version:
                dropped_files.end(connection, row, "gone" if now is None else "superseded")
        for file in new:
            self._note(connection, tick, file)

    def _note(self, connection: Connection, tick: Tick, file: StoredFile) -> None:
        try:
            drop = dropped_file_options.parse_key(file.key)
        except dropped_file_options.Refused as refused:
            if dropped_files.record_skipped(connection, file, str(refused)):
                tick.note(f"Skipped {file.key}: {refused}")
            return
        dropped_files.record_seen(connection, drop.organization_id, file)

    # --- registering

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
        """Choose `sync` for a file that it surely takes: one run less, and some seconds."""
        settings = self.workflow.settings
        limit = min(_COUNTED_BYTES, settings.sync_bytes)
        if row.size > limit or not row.key.lower().endswith(_PLAIN):
            return Mode.MIXED
        try:
            with self.workflow.store.open_read(row.key) as file:
                text = file.read(limit + 1)
        except (FileNotFoundError, PermissionError):
            # The import says so.
            return Mode.MIXED
        records = max(text.count(b"\n"), text.count(b"\r"))
        return Mode.SYNC if len(text) <= limit and records <= settings.sync_rows else Mode.MIXED

    # --- putting away

    def _put_away(self, connection: Connection, tick: Tick) -> None:
        deadline = self.clock() + self.step_seconds
        for row in dropped_files.ended(connection, 2 * self.workflow.settings.uploads_a_tick):
            if self.clock() > deadline:
                return
            assert row.import_id is not None
            import_ = import_records.get_import(connection, row.import_id)
            try:
                state, trouble = self._move(connection, row, import_), None
            except PermissionError as error:
                # Known as it lies there, so that it is not taken for new.
                state, trouble = "left", f"It may not be moved by this process: {error.strerror}."
            dropped_files.end(connection, row, state, trouble)
            tick.note(f"{row.key} ({row.import_id}, {import_.status}): {state}")

    def _move(self, connection: Connection, row: DroppedFile, import_: Import) -> str:
        """Move a content and its options to where ended ones are, with its results beside it.

        Only the content that was imported is moved; its results are written even where it was replaced, removed or
        is left. What a tick that died has done already is found done.
        """
        store, drop = self.workflow.store, dropped_file_options.parse_key(row.key)
        target = drop.target(import_.id, completed=import_.status is Status.COMPLETED)
        write_results(store, import_, drop, target)
        if self.workflow.settings.uploads_after == "leave":
            return "left"
        lies = store.stat(row.key)
        moved = store.stat(target) is not None
        # The same content may have been dropped again since the move. Whole seconds: all that S3 always gives.
        again = lies is not None and moved and int(lies.modified) != int(row.modified)
        if lies is not None and lies.version == row.version and not again:
            with suppress(Replaced, FileNotFoundError):
                store.move(row.key, target, version=row.version)
                moved = True
        if not moved:
            return "gone" if lies is None else "superseded"
        if row.options_version is not None:
            options = row.key + dropped_file_options.OPTIONS_EXTENSION
            with suppress(Replaced, FileNotFoundError):
                store.move(
                    options, target + dropped_file_options.OPTIONS_EXTENSION, version=row.options_version
                )
        # So that the import can be repeated.
        import_records.update_import(connection, import_.id, source_uri=store.uri(target))
        return "moved"


def _cursor(after: str) -> str:
    """Return the cursor that goes on behind the key ``after``; "" is the beginning."""
    return json.dumps({"after": after})


def _after(cursor: str) -> str:
    """Return the key to go on behind.

    A cursor that cannot be read begins anew: the bare keys of earlier versions were kept at the end of a round, so
    that nothing before them was looked at again.
    """
    try:
        read = json.loads(cursor)
    except ValueError:
        return ""
    after = read.get("after") if isinstance(read, dict) else None
    return after if isinstance(after, str) else ""


def _failed(import_: Import) -> str:
    return f", which failed: {import_.reason}" if import_.status is Status.FAILED else ""
