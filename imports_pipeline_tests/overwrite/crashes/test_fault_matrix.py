"""The fault matrix: whatever dies at whichever statement, the next try ends as if nothing had happened.

Fault points are the statements as they are counted in an uninterrupted run, and the end of every commit. At each
the backend is terminated; at chosen ones the process, and at a few the whole server, is killed with SIGKILL.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from imports_pipeline.database.migrations import migrate
from imports_pipeline.database.server_url import database
from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.model.imports import Import
from imports_pipeline.registry import batch_queue
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests import forked_commands
from imports_pipeline_tests.embedded.commands import server_processes, swept
from imports_pipeline_tests.overwrite import Runs
from imports_pipeline_tests.overwrite.crashes.fault_points import (
    Crash,
    Place,
    Tap,
    TappedDatabase,
    crash,
    terminate,
)
from imports_pipeline_tests.overwrite.crashes.stories import STORIES, Story, beginning, copy, end

Act = Callable[[psycopg.Connection[Any]], None]
Fault = tuple[int | Place, Act]


class Stage:
    """One story, told again and again: each time in an organization of its own, with one fault."""

    def __init__(
        self,
        story: Story,
        workflow: ImportWorkflow,
        organization: str,
        folder: Path,
        session: str | None = None,
    ) -> None:
        self.story, self.organization, self.folder = story, organization, folder
        self.tap = Tap()
        self.database = TappedDatabase(workflow.database.url, self.tap)
        self.database.session = session
        self.workflow = ImportWorkflow(
            self.database, workflow.store, workflow.settings, large_writes=story.large_writes
        )
        self.told = 0
        beginning(Runs(self.workflow, organization, folder))

    def begin(self) -> tuple[Runs, Import]:
        self.told += 1
        runs = Runs(self.workflow, f"{self.organization}-{self.told}", self.folder)
        copy(runs, self.organization)
        return runs, self.story.begin(runs)

    def uninterrupted(self) -> tuple[dict[str, Any], list[str], list[str]]:
        """Return the end and the statements of checking and of writing."""
        runs, import_ = self.begin()
        self.tap.arm(None)
        self.story.check(self.workflow, import_)
        checking = self.tap.seen
        self.tap.arm(None)
        self.story.between(runs, import_)
        self.tap.arm(None)
        self.story.write(self.workflow, import_)
        writing = self.tap.seen
        self.tap.arm(None)
        return end(runs, import_.id), checking, writing

    def interrupted(self, part: str, faults: Sequence[Fault]) -> dict[str, Any]:
        """Return the end when checking or writing met a fault in each of its tries but the last."""
        runs, import_ = self.begin()
        if part == "check":
            self._try(lambda: self.story.check(self.workflow, import_), faults)
        else:
            self.story.check(self.workflow, import_)
        self.story.between(runs, import_)
        if part == "write":
            self._try(lambda: self.story.write(self.workflow, import_), faults)
        else:
            self.story.write(self.workflow, import_)
        return end(runs, import_.id)

    def _try(self, run: Callable[[], None], faults: Sequence[Fault]) -> None:
        for at, act in faults:
            self.tap.arm(at, act)
            try:
                run()
            except (Crash, psycopg.OperationalError, psycopg.InterfaceError):
                assert self.tap.at is None
            else:
                assert self.tap.at is None, f"no try came to {at}"
            finally:
                self.tap.arm(None)
        run()


@pytest.fixture
def stage(workflow: ImportWorkflow, organization: str, tmp_path: Path) -> Iterator[Callable[[str], Stage]]:
    stages: list[Stage] = []

    def make(name: str) -> Stage:
        # That a commit is on the disk matters only where the server dies.
        quick = "SET synchronous_commit = off"
        stages.append(Stage(STORIES[name], workflow, organization, tmp_path, quick))
        return stages[-1]

    yield make
    for one in stages:
        one.database.close()


#: which story meets faults in which part, and at every which statement between the commits; with FAULTS=all at each.
PARTS = [
    ("overwrite", "check", 5),
    ("overwrite", "write", 1),
    ("overwrite of groups", "write", 1),
    ("delete", "write", 1),
    ("revert", "write", 2),
    ("overwrite that is planned again", "write", 10),
    ("dry run", "check", 1),
    ("blocked", "check", 1),
    ("overwrite with an edition", "write", 8),
    ("return to the table before", "write", 8),
]


#: more statements than come after the last of the checks.
_END = 14


def points(name: str, statements: list[str], every: int) -> list[int]:
    """Choose fault points: all about the commits, each ``every``-th between, and none that another story has."""
    if os.environ.get("FAULTS") == "all":
        every = 1
    last = max(number for number, text in enumerate(statements, 1) if text.startswith("COMMIT"))
    end_ = last + 1 if name != "overwrite" else len(statements)
    begin = 1
    if name in ("dry run", "blocked"):
        # What is theirs alone is the end.
        begin, end_ = len(statements) - _END, len(statements)
    commits = {n + 1 + d for n, text in enumerate(statements) if text.startswith("COMMIT") for d in (0, 1)}
    return [
        n for n in range(max(begin, 1), end_ + 1) if n % every == 0 or (n in commits and n <= len(statements))
    ]


#: Most faults that one import meets, one in each try.
_TRIES = 8


def begun(at: int, statements: list[str]) -> int | None:
    """Return the number of the BEGIN of the transaction that a statement ends with if the statement fails."""
    before = [number for number in range(1, at) if statements[number - 1] in ("BEGIN", "COMMIT is done")]
    return before[-1] if before and statements[before[-1] - 1] == "BEGIN" else None


def place(at: int, statements: list[str]) -> int | Place:
    """Return where a statement is in its transaction, or its number where it is in none."""
    begin = begun(at, statements)
    if begin is None or statements[at - 1] == "COMMIT is done":
        return at
    return Place.of(at - begin, statements[at - 1])


def grouped(chosen: list[int], statements: list[str]) -> list[list[int]]:
    """Group the fault points that one import can meet in one try after the other.

    A fault within a transaction leaves nothing of it, so the next try comes to the same transaction. Anywhere else
    the next try may go on behind the fault.
    """
    groups: list[list[int]] = []
    for at in chosen:
        within = isinstance(place(at, statements), Place)
        last = groups[-1] if groups else []
        if within and last and len(last) < _TRIES and begun(last[0], statements) == begun(at, statements):
            last.append(at)
        else:
            groups.append([at])
    return groups


@pytest.mark.long
@pytest.mark.parametrize(("name", "part", "every"), PARTS)
def test_a_connection_that_is_lost_at_a_statement(
    stage: Callable[[str], Stage], name: str, part: str, every: int
) -> None:
    told = stage(name)
    wanted, checking, writing = told.uninterrupted()
    statements = checking if part == "check" else writing
    assert any("records.replacements" in one for one in statements) == told.story.edition
    chosen = [n for n in points(name, statements, every) if n <= len(statements)]
    for group in grouped(chosen, statements):
        # A fault of the process is another way to the same end: each second point has it.
        faults = [(place(at, statements), terminate if at % 2 else crash) for at in group]
        found = told.interrupted(part, faults)
        assert found == wanted, f"after faults at {[f'{at}: {statements[at - 1]}' for at in group]}"
    print(f"{name}, {part}: {len(chosen)} fault points of {len(statements)} statements")


def test_an_import_and_its_batch_are_queued_together(stage: Callable[[str], Stage]) -> None:
    """The sensor looks at batches: an import that is queued without its batch would never be written."""
    told = stage("overwrite")
    _, checking, _ = told.uninterrupted()
    for at in range(len(checking) - _END, len(checking) + 1):
        _runs, import_ = told.begin()
        told.tap.arm(at, crash)
        with pytest.raises(Crash):
            told.story.check(told.workflow, import_)
        told.tap.arm(None)
        told.story.check(told.workflow, import_)
        with told.workflow.database.connect() as connection:
            assert import_.id in batch_queue.hand_over(connection, 1000), checking[at - 1]
        told.story.write(told.workflow, import_)


#: where the process is killed in which story: (part, what the statement begins with or holds).
KILLS = {
    "overwrite": [
        ("check", 'CREATE UNLOGGED TABLE "staging"'),
        ("check", "COMMIT is done"),
        ("write", 'INSERT INTO "contacts_history" SELECT'),
        ("write", 'INSERT INTO "contacts"'),
        ("write", 'WITH gone AS (DELETE FROM "contacts"'),
        ("write", "INSERT INTO generations"),
        ("write", "COMMIT"),
        ("write", "COMMIT is done"),
    ],
    "overwrite with an edition": [
        ("write", "CREATE SCHEMA"),
        ("write", "LOCK TABLE ONLY"),
        ("write", 'INSERT INTO "edition_'),
        ("write", "CREATE UNIQUE INDEX"),
        ("write", "COMMIT"),
    ],
}


def first_place(statements: list[str], text: str) -> int:
    """Return the number of the first statement that begins with a text; of commits, the last."""
    found = [number for number, one in enumerate(statements, 1) if one == text or one.startswith(text)]
    exact = [number for number, one in enumerate(statements, 1) if one == text]
    return exact[-1] if exact else found[0]


@pytest.mark.parametrize("name", KILLS)
def test_a_process_that_is_killed(stage: Callable[[str], Stage], workflow: ImportWorkflow, name: str) -> None:
    kills = KILLS[name]
    told = stage(name)
    wanted, checking, writing = told.uninterrupted()
    begun = [told.begin() for _ in kills]
    for (part, _), (_, import_) in zip(kills, begun, strict=True):
        if part == "write":
            told.story.check(told.workflow, import_)

    def run(number: int) -> int:
        part, text = kills[number]
        at = first_place(checking if part == "check" else writing, text)
        # The import is looked up once before the counting begins.
        arguments = [
            workflow.database.url,
            str(workflow.store.root),
            name,
            begun[number][1].id,
            part,
            str(at),
        ]
        return forked_commands.run(arguments, module=f"{__package__}.victim").returncode

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(run, range(len(kills)))) == [-signal.SIGKILL] * len(kills)
    for kill, (runs, import_) in zip(kills, begun, strict=True):
        told.story.check(told.workflow, import_)
        told.story.write(told.workflow, import_)
        assert end(runs, import_.id) == wanted, kill


#: where PostgreSQL is killed.
CRASHES = [
    ("check", "COMMIT is done"),
    ("write", 'WITH gone AS (DELETE FROM "contacts"'),
    ("write", "COMMIT"),
    ("write", "COMMIT is done"),
]


def test_a_server_that_is_killed(tmp_path: Path) -> None:
    """Its own server: with all its processes at once, and without its staging tables when it is there again."""
    folder = tmp_path / "postgres"

    def kill(connection: psycopg.Connection[Any]) -> None:
        for process in server_processes(folder):
            os.kill(process.pid, signal.SIGKILL)

    with swept(folder), database(tmp_path, {}) as url:
        migrate(url)
        workflow = ImportWorkflow(
            TappedDatabase(url, Tap()), LocalStore(tmp_path / "files"), Settings(home=tmp_path)
        )
        told = Stage(STORIES["overwrite"], workflow, "org", tmp_path)
        wanted, checking, writing = told.uninterrupted()
        for number, (part, text) in enumerate(CRASHES):
            at = first_place(checking if part == "check" else writing, text)
            runs, import_ = told.begin()
            if part == "write":
                told.story.check(told.workflow, import_)
            told.tap.arm(at, kill)
            with pytest.raises(psycopg.OperationalError):
                (told.story.check if part == "check" else told.story.write)(told.workflow, import_)
            told.tap.arm(None)
            with database(tmp_path, {}) as restarted:
                again = ImportWorkflow(TappedDatabase(restarted, Tap()), workflow.store, workflow.settings)
                told.story.check(again, import_)
                told.story.write(again, import_)
                after = Runs(again, runs.organization, tmp_path)
                assert end(after, import_.id) == wanted, (number, text)
                told = Stage(STORIES["overwrite"], again, f"org{number}", tmp_path)
