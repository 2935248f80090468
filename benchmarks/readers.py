"""Measure how long readers wait while an import changes all records of an organization.

    python -m benchmarks.readers [ROWS]

Readers ask for one record by its key, again and again: of the organization that is written (*own*) and of another one
(*other*), in the organization's table as the HTTP API does, and through the view ``contacts`` as people do. A second
import, then its revert, runs beside them. Printed are the number of reads, and their median and longest time in
milliseconds, first with nothing else at work.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Final

import psycopg

from benchmarks import contacts
from benchmarks.systems import environment, newest_import
from imports_pipeline.database.editions import use_editions
from imports_pipeline.database.server_url import database

_IDLE_SECONDS: Final = 5.0
_OWN: Final = "default"
_OTHER: Final = "another"


class Reader(Thread):
    """Reads one record of an organization until it is stopped; keeps the milliseconds of each read."""

    def __init__(self, url: str, organization: str, *, through_view: bool) -> None:
        """Take the database, the organization, and the way in which it reads."""
        super().__init__()
        self.name = f"{organization}, {'view' if through_view else 'table'}"
        self.took: list[float] = []
        self.over = Event()
        self._url, self._organization, self._through_view = url, organization, through_view

    def run(self) -> None:
        """Read until ``over`` is set."""
        query = "SELECT name FROM contacts WHERE organization_id = %s AND external_id = 'E-00000000'"
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self.over.is_set():
                started = time.perf_counter()
                with connection.transaction():
                    if not self._through_view:
                        use_editions(connection, self._organization)
                    found = connection.execute(query, (self._organization,)).fetchall()
                self.took.append((time.perf_counter() - started) * 1000)
                assert len(found) == 1, found
                # A pause of a millisecond, so that readers do not take the processors from the import.
                time.sleep(0.001)


@contextmanager
def reading(url: str, what: str) -> Iterator[None]:
    """Let four readers read during the block, and print what they measured."""
    readers = [
        Reader(url, organization, through_view=view)
        for organization in (_OWN, _OTHER)
        for view in (False, True)
    ]
    for reader in readers:
        reader.start()
    try:
        yield
    finally:
        for reader in readers:
            reader.over.set()
        for reader in readers:
            reader.join()
    for reader in readers:
        print(
            f"| {what} | {reader.name} | {len(reader.took):,} | {statistics.median(reader.took):.1f}"
            f" | {max(reader.took):.0f} |",
            flush=True,
        )


def main(arguments: Sequence[str]) -> None:
    """Measure with the number of rows in the arguments, or a million."""
    rows = contacts.count_of(arguments[0] if arguments else "1M")
    with tempfile.TemporaryDirectory(prefix="imports-readers-") as folder, database(Path(folder), {}) as url:
        home = Path(folder) / "home"
        home.mkdir()
        first, one, changed = (home / f"{name}.csv" for name in ("first", "one", "changed"))
        contacts.write(first, range(rows))
        contacts.write(one, range(1))
        contacts.write(changed, range(rows), changed=lambda _: True)

        def command(*words: object) -> None:
            subprocess.run(
                [Path(sys.executable).with_name("imports-pipeline"), *map(str, words), "--json"],
                env=environment(url, home), check=True, stdout=subprocess.DEVNULL,
            )  # fmt: skip

        how = ("--resource", "contact", "--action", "merge")
        command("run", first, *how)
        command("run", one, *how, "--organization", _OTHER)
        print(f"\n{rows:,} records\n\n| beside | organization, how | reads | median, ms | longest, ms |")
        print("|---|---|---|---|---|")
        with reading(url, "nothing"):
            time.sleep(_IDLE_SECONDS)
        with reading(url, "update of all"):
            command("run", changed, *how)
        with reading(url, "its revert"):
            command("revert", newest_import(url))


if __name__ == "__main__":
    main(sys.argv[1:])
