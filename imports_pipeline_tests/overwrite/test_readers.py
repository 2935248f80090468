"""Who looks while an overwrite is written sees the old records or the new ones; who writes at once ends serial."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from threading import Barrier, Event
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from imports_pipeline.batch_phases.large_writes.edition_write import LargeWrites
from imports_pipeline.model.imports import Import
from imports_pipeline.model.statuses import Status
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline.workflow.revert import request_revert, run_revert
from imports_pipeline_tests.overwrite import Runs
from imports_pipeline_tests.overwrite.crashes.fault_points import Tap, TappedDatabase

COUNT = 900


def generation(number: int) -> str:
    """Return a file of which a third is in each generation alone, and all the rest says which it is."""
    rows = "".join(
        f"n{i},E-{i},{number},g{number}\n" for i in range(number * COUNT // 3, (number + 3) * COUNT // 3)
    )
    return "name,external_id,notes,groups\n" + rows


class Reader:
    """Reads everything in a snapshot, again and again; keeps the distinct sums of what it saw."""

    def __init__(self, runs: Runs) -> None:
        self.runs, self.seen, self.reads, self.over = runs, [], 0, Event()

    def read(self, connection: psycopg.Connection[Any]) -> None:
        organization = {"organization": self.runs.organization}
        with connection.transaction():
            # Two statements: the snapshot is that of the first.
            found = connection.execute(_RECORDS, organization).fetchall()
            links = connection.execute(_LINKS, organization).fetchall()
        self.reads += 1
        if (found, links) not in self.seen:
            self.seen.append((found, links))

    def __call__(self) -> None:
        # A connection of its own: one of the pool would keep the isolation level for its next user.
        with psycopg.connect(self.runs.workflow.database.url, autocommit=True) as connection:
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            while not self.over.is_set():
                self.read(connection)
            self.read(connection)


_RECORDS = """
    SELECT notes, count(*), min(substr(external_id, 3)::int), max(substr(external_id, 3)::int)
    FROM contacts WHERE organization_id = %(organization)s GROUP BY notes ORDER BY notes
"""
_LINKS = """
    SELECT g.name, count(*), count(c.id) FROM memberships m
    JOIN groups g ON g.organization_id = m.organization_id AND g.id = m.group_id
    LEFT JOIN contacts c ON c.organization_id = m.organization_id AND c.id = m.member_id
    WHERE m.organization_id = %(organization)s GROUP BY g.name ORDER BY g.name
"""


def whole(number: int) -> Any:
    """Return what a reader sees of one generation and no other."""
    first = number * COUNT // 3
    return [(str(number), COUNT, first, first + COUNT - 1)], [(f"g{number}", COUNT, COUNT)]


def test_a_reader_sees_the_old_or_the_new(runs: Runs) -> None:
    runs.completed("name,resource\n" + "".join(f"g{i},contact\n" for i in range(3)), "group")
    first = runs.completed(generation(0))
    reader = Reader(runs)
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(reader)
        done: list[Import] = []
        for number in (1, 2):
            done.append(runs.completed(generation(number), action="overwrite", max_deletions=COUNT))
            assert done[-1].stats["overwritten"] == COUNT // 3
        for import_ in reversed(done):
            runs.revert(import_)
        reader.over.set()
        reading.result()
    assert first.stats["created"] == COUNT
    assert reader.reads > len(reader.seen)
    assert all(one in [whole(0), whole(1), whole(2)] for one in reader.seen), reader.seen
    assert whole(0) in reader.seen


@pytest.mark.parametrize("edition", [False, True], ids=["in place", "edition"])
def test_a_reader_at_every_statement_of_the_write(runs: Runs, edition: bool) -> None:
    """Not by chance: one snapshot is taken before each statement that processing and cleanup send."""
    runs.completed("name,resource\ng0,contact\ng1,contact\n", "group")
    runs.completed(generation(0))
    pending = runs.check(runs.register(generation(1), action="overwrite", max_deletions=COUNT))
    reader, tap = Reader(runs), Tap()
    with psycopg.connect(runs.workflow.database.url, autocommit=True) as looking:
        looking.isolation_level = IsolationLevel.REPEATABLE_READ
        changes: list[str] = []

        def look(connection: psycopg.Connection[Any]) -> None:
            before = len(reader.seen)
            reader.read(looking)
            if len(reader.seen) > before:
                changes.append(tap.seen[-1])
            tap.at = len(tap.seen) + 1

        tap.arm(1, look)
        workflow = ImportWorkflow(
            TappedDatabase(runs.workflow.database.url, tap),
            runs.workflow.store,
            runs.workflow.settings,
            large_writes=LargeWrites(least_records=1, most_cost=math.inf if edition else 0),
        )
        assert runs.write(pending, workflow).status is Status.COMPLETED
    assert reader.seen == [whole(0), whole(1)]
    assert changes[1:] == ["COMMIT is done"]
    assert reader.reads > 30
    assert any(one.startswith("CREATE UNIQUE INDEX") for one in tap.seen) == edition


# --- two writers at once

STORED = "name,external_id,notes\nAnn,E-1,old\nBob,E-2,old\nCid,E-3,old\n"


def overwrite(content: str) -> Callable[[Runs, Import], Callable[[], Any]]:
    return lambda runs, _: _importing(runs, content, "overwrite")


def merge(content: str) -> Callable[[Runs, Import], Callable[[], Any]]:
    return lambda runs, _: _importing(runs, content, "merge")


def taking_back(runs: Runs, earlier: Import) -> Callable[[], Any]:
    asked = request_revert(runs.workflow, earlier.id, dry_run=False, source="cli", created_by=None)

    def run() -> Any:
        done = run_revert(runs.workflow, asked.id)
        return done.status, done.plan

    return run


def _importing(runs: Runs, content: str, action: str) -> Callable[[], Any]:
    import_ = runs.register("name,external_id,notes\n" + content, action=action)

    def run() -> Any:
        done = runs.finish(import_)
        return done.status, done.code, done.stats, runs.codes(done)

    return run


PAIRS = {
    "two overwrites": (
        overwrite("Ann,E-1,first\nNew,E-8,first\n"),
        overwrite("Bob,E-2,second\nNew,E-9,second\n"),
    ),
    "two overwrites of the same new record": (overwrite("New,E-8,first\n"), overwrite("New,E-8,second\n")),
    "overwrite and merge": (overwrite("Ann,E-1,first\n"), merge("Bob,E-2,second\nNew,E-8,second\n")),
    "revert and merge of the same": (taking_back, merge("Ann,E-1,second\nDan,E-4,second\n")),
    "revert and overwrite": (taking_back, overwrite("Ann,E-1,second\nCid,E-3,second\n")),
    "revert and the same revert": (taking_back, taking_back),
}


def begun(runs: Runs, organization: str) -> tuple[Runs, Import]:
    runs = Runs(runs.workflow, organization, runs.folder)
    runs.completed(STORED)
    # What a revert takes back: changes Ann, creates Dan, removes Cid.
    return runs, runs.completed(
        "name,external_id,notes\nAnn,E-1,new\nBob,E-2,old\nDan,E-4,new\n", action="overwrite"
    )


def state(runs: Runs) -> list[tuple[Any, ...]]:
    return [(one["name"], one["external_id"], one["notes"]) for one in runs.records()]


@pytest.mark.parametrize("case", PAIRS)
def test_two_writers_end_as_one_after_the_other(runs: Runs, organization: str, case: str) -> None:
    serial = []
    for order in permutations((0, 1)):
        one, earlier = begun(runs, f"{organization}-{order[0]}")
        writers = [make(one, earlier) for make in PAIRS[case]]
        ends = {number: writers[number]() for number in order}
        serial.append((ends[0], ends[1], state(one)))
    for attempt in range(3):
        both, earlier = begun(runs, f"{organization}-both-{attempt}")
        writers = [make(both, earlier) for make in PAIRS[case]]
        barrier = Barrier(2)

        def run(writer: Callable[[], Any], barrier: Barrier = barrier) -> Any:
            barrier.wait()
            return writer()

        with ThreadPoolExecutor(2) as threads:
            ends_ = list(threads.map(run, writers))
        assert (ends_[0], ends_[1], state(both)) in serial
