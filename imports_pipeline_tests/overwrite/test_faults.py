"""The fault matrix: whatever dies at whichever statement, the next try ends as if nothing had happened.

Fault points are the statements as they are counted in an uninterrupted run, and the end of every commit. At each
the backend is terminated; at chosen ones the process, and at a few the whole server, is killed with SIGKILL.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from imports_pipeline.model.imports import Import
from imports_pipeline.orchestration.journey import Journey
from imports_pipeline.settings import Settings
from imports_pipeline.storage.files import LocalStore
from imports_pipeline.storage.migrations import migrate
from imports_pipeline.storage.server import database
from imports_pipeline_tests.embedded.commands import server_processes, swept
from imports_pipeline_tests.overwrite import Runs
from imports_pipeline_tests.overwrite.faults import Crash, Tap, TappedDatabase, crash, terminate
from imports_pipeline_tests.overwrite.stories import STORIES, Story, end

Act = Callable[[psycopg.Connection[Any]], None]


class Stage:
    """One story, told again and again: each time in an organization of its own, with one fault."""

    def __init__(self, story: Story, journey: Journey, organization: str, folder: Path) -> None:
        self.story, self.organization, self.folder = story, organization, folder
        self.tap = Tap()
        self.database = TappedDatabase(journey.database.url, self.tap)
        self.journey = Journey(self.database, journey.store, journey.settings)
        self.told = 0

    def begin(self) -> tuple[Runs, Import]:
        self.told += 1
        runs = Runs(self.journey, f"{self.organization}-{self.told}", self.folder)
        return runs, self.story.begin(runs)[0]

    def uninterrupted(self) -> tuple[dict[str, Any], list[str], list[str]]:
        """Give the end and the statements of checking and of writing."""
        runs, import_ = self.begin()
        self.tap.arm(None)
        self.story.check(self.journey, import_)
        checking = self.tap.seen
        self.tap.arm(None)
        self.story.between(runs, import_)
        self.tap.arm(None)
        self.story.write(self.journey, import_)
        writing = self.tap.seen
        self.tap.arm(None)
        return end(runs, import_.id), checking, writing

    def interrupted(self, part: str, at: int, act: Act) -> dict[str, Any]:
        """Give the end when checking or writing met a fault at a statement and was tried again."""
        runs, import_ = self.begin()
        if part == "check":
            self._try(lambda: self.story.check(self.journey, import_), at, act)
        else:
            self.story.check(self.journey, import_)
        self.story.between(runs, import_)
        if part == "write":
            self._try(lambda: self.story.write(self.journey, import_), at, act)
        else:
            self.story.write(self.journey, import_)
        return end(runs, import_.id)

    def _try(self, run: Callable[[], None], at: int, act: Act) -> None:
        self.tap.arm(at, act)
        try:
            run()
        except (Crash, psycopg.OperationalError, psycopg.InterfaceError):
            assert self.tap.at is None
        finally:
            self.tap.arm(None)
        run()


@pytest.fixture
def stage(journey: Journey, organization: str, tmp_path: Path) -> Iterator[Callable[[str], Stage]]:
    stages: list[Stage] = []

    def make(name: str) -> Stage:
        stages.append(Stage(STORIES[name], journey, organization, tmp_path))
        return stages[-1]

    yield make
    for one in stages:
        one.database.close()


#: which story meets faults in which part; the others' checks are those of the first.
PARTS = [
    ("overwrite", "check"), ("overwrite", "write"), ("overwrite of groups", "write"), ("delete", "write"),
    ("overwrite that is planned again", "write"), ("revert", "write"), ("dry run", "check"), ("blocked", "check"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "part"), PARTS)
def test_a_connection_that_is_lost_at_every_statement(
    stage: Callable[[str], Stage], name: str, part: str
) -> None:
    told = stage(name)
    wanted, checking, writing = told.uninterrupted()
    statements = checking if part == "check" else writing
    begin = 1
    if name in ("dry run", "blocked"):
        # What is theirs alone begins with the last of the checks.
        begin = max(n for n, text in enumerate(statements, 1) if "ANALYZE" in text)
    assert len(statements) > 15
    for at in range(begin, len(statements) + 1):
        # A fault of the process is another way to the same end: each second point has it.
        found = told.interrupted(part, at, terminate if at % 2 else crash)
        assert found == wanted, f"after a fault at statement {at}: {statements[at - 1]}"
    print(f"{name}, {part}: {len(statements) - begin + 1} fault points")


#: where the process is killed: (part, what the statement begins with or holds).
KILLS = [
    ("check", 'CREATE UNLOGGED TABLE "staging"'),
    ("check", "COMMIT is done"),
    ("write", 'INSERT INTO "contacts_history" SELECT'),
    ("write", 'INSERT INTO "contacts"'),
    ("write", 'WITH gone AS (DELETE FROM "contacts"'),
    ("write", "INSERT INTO generations"),
    ("write", "COMMIT"),
    ("write", "COMMIT is done"),
]


def place(statements: list[str], text: str) -> int:
    """Give the number of the first statement that begins with a text; of commits, the last."""
    found = [number for number, one in enumerate(statements, 1) if one == text or one.startswith(text)]
    exact = [number for number, one in enumerate(statements, 1) if one == text]
    return exact[-1] if exact else found[0]


def test_a_process_that_is_killed(stage: Callable[[str], Stage], journey: Journey) -> None:
    told = stage("overwrite")
    wanted, checking, writing = told.uninterrupted()
    begun = [told.begin() for _ in KILLS]
    for (part, _), (_, import_) in zip(KILLS, begun, strict=True):
        if part == "write":
            told.story.check(told.journey, import_)

    def run(number: int) -> int:
        part, text = KILLS[number]
        at = place(checking if part == "check" else writing, text)
        # The import is looked up once before the counting begins.
        arguments = [journey.database.url, str(journey.store.root), begun[number][1].id, part, str(at)]
        program = [sys.executable, "-m", "imports_pipeline_tests.overwrite.victim", *arguments]
        return subprocess.run(program, check=False, cwd=Path(__file__).parents[2]).returncode

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(run, range(len(KILLS)))) == [-signal.SIGKILL] * len(KILLS)
    for kill, (runs, import_) in zip(KILLS, begun, strict=True):
        told.story.check(told.journey, import_)
        told.story.write(told.journey, import_)
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
        journey = Journey(TappedDatabase(url, Tap()), LocalStore(tmp_path / "files"), Settings(home=tmp_path))
        told = Stage(STORIES["overwrite"], journey, "org", tmp_path)
        wanted, checking, writing = told.uninterrupted()
        for number, (part, text) in enumerate(CRASHES):
            at = place(checking if part == "check" else writing, text)
            runs, import_ = told.begin()
            if part == "write":
                told.story.check(told.journey, import_)
            told.tap.arm(at, kill)
            with pytest.raises(psycopg.OperationalError):
                (told.story.check if part == "check" else told.story.write)(told.journey, import_)
            told.tap.arm(None)
            with database(tmp_path, {}) as restarted:
                again = Journey(TappedDatabase(restarted, Tap()), journey.store, journey.settings)
                told.story.check(again, import_)
                told.story.write(again, import_)
                after = Runs(again, runs.organization, tmp_path)
                assert end(after, import_.id) == wanted, (number, text)
                told = Stage(STORIES["overwrite"], again, f"org{number}", tmp_path)
