"""Lists the upload folders for new files, as much as one tick has time for.

The listing goes in rounds: a tick that runs out of time leaves the rest to the next tick, and after the last key the
listing starts again at the first. Within a round it passes over the folders of ended imports, and over organizations
that have enough files waiting already. Therefore a million files of one organization neither delay those of another
nor fill the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import psycopg

from imports_pipeline.filestore.stores import Store, StoreUnreachable
from imports_pipeline.model.files import StoredFile
from imports_pipeline.registry import dropped_files
from imports_pipeline.sources import dropped_file_options

Connection = psycopg.Connection[object]

# A string that sorts after every key: the highest Unicode code point.
_LAST: Final = "\U0010ffff"


class _OutOfTime(Exception):
    """The time for listing files in this tick is used up."""


class UploadListing:
    """The listing of one tick."""

    def __init__(
        self,
        store: Store,
        connection: Connection,
        note: Callable[[str], None],
        *,
        waiting_limit: int,
        window: int,
    ) -> None:
        """Prepare a listing.

        Args:
            store: The file store.
            connection: A connection to the database.
            note: Called with sentences for a person.
            waiting_limit: An organization with this many files whose imports have not ended is not listed further.
                It is listed again when half of them are left.
            window: The number of files that are compared with the table in one query.
        """
        self._store = store
        self._connection = connection
        self._note = note
        self._limit = waiting_limit
        self._window = window
        self._waiting = dropped_files.waiting(connection)
        self._full = {name for name, count in self._waiting.items() if 2 * count >= waiting_limit}
        # Listed files that have not been compared yet, the key behind which they begin, and the last key looked at.
        self._files: list[StoredFile] = []
        self._begin = self._at = ""

    def list_new(self, after: str, out_of_time: Callable[[], bool]) -> str:
        """Record new files after the key ``after``. Return the key to continue after, or "" at the end of the round.

        Each call lists at least one file or folder, even on a slow file store, so that every round ends.
        """
        self._begin = self._at = after

        def check_time() -> None:
            if self._at != after and out_of_time():
                raise _OutOfTime

        def skip_folder(place: str) -> str | None:
            check_time()
            skipped = dropped_file_options.ended_folder(place)
            if skipped is not None:
                self._at = _behind(skipped)
            elif _organization(place) in self._full:
                skipped = f"{dropped_file_options.FOLDER}/{_organization(place)}"
                self._compare(skipped)
                self._begin = self._at = _behind(skipped)
            elif place.endswith("/"):
                self._at = max(self._at, place)
            return skipped

        try:
            while self._list_on(skip_folder, check_time):
                pass
        except _OutOfTime:
            self._compare(self._at)
            return self._at
        self._compare(_LAST)
        return ""

    def _list_on(self, skip_folder: Callable[[str], str | None], check_time: Callable[[], None]) -> bool:
        """List from the last key on. Return True if the rest of an organization was left out, and more may follow."""
        for file in self._store.list(
            dropped_file_options.FOLDER, after=self._at or None, skip=skip_folder, unreadable=self._unreadable
        ):
            self._files.append(file)
            self._at = file.key
            if len(self._files) == self._window:
                self._compare(self._at)
                if _organization(file.key) in self._full:
                    self._begin = self._at = _behind(
                        f"{dropped_file_options.FOLDER}/{_organization(file.key)}"
                    )
                    return True
            check_time()
        return False

    def _unreadable(self, place: str, error: OSError) -> None:
        self._at = max(self._at, place)
        self._note(
            f"{place} cannot be read ({error.strerror}), so nothing is imported from it: give this process access to it"
        )

    def _compare(self, upto: str) -> None:
        """Compare the listed files with the rows of the table in their range of keys, which ends at ``upto``."""
        known = dropped_files.known(self._connection, self._begin, upto)
        there = {(file.key, file.version) for file in self._files}
        new = [
            file
            for file in self._files
            if (file.key, file.version) not in known and not dropped_file_options.is_left_alone(file.key)
        ]
        changing = {file.key for file in new}
        for identity, row in known.items():
            # The file of an open import is moved when the import ends. A file that still changes keeps its row.
            if identity in there or row.state == "imported" or (row.state == "seen" and row.key in changing):
                continue
            try:
                now = self._store.stat(row.key)
            except StoreUnreachable:
                raise
            except OSError as error:
                self._note(f"{row.key} cannot be read ({error.strerror or error})")
                continue
            if now is None or now.version != row.version:
                dropped_files.end(self._connection, row, "gone" if now is None else "superseded")
        for file in new:
            self._record(file)
        self._files, self._begin = [], upto

    def _record(self, file: StoredFile) -> None:
        try:
            drop = dropped_file_options.parse_key(file.key)
        except dropped_file_options.Refused as refused:
            if dropped_files.record_skipped(self._connection, file, str(refused)):
                self._note(f"Skipped {file.key}: {refused}")
            return
        dropped_files.record_seen(self._connection, drop.organization_id, file)
        waiting = self._waiting[drop.organization_id] = self._waiting.get(drop.organization_id, 0) + 1
        if waiting >= self._limit:
            self._full.add(drop.organization_id)


def _organization(place: str) -> str | None:
    """Return the organization of a key or folder below ``uploads/<organization>/``."""
    names = place.split("/", 2)
    return names[1] if len(names) == 3 else None


def _behind(folder: str) -> str:
    """Return a key that is after all keys of the folder and before all others: ``0`` sorts directly after ``/``."""
    return f"{folder}0"
