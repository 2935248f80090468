"""The systems that the benchmark compares: their preparation, and the command that loads a file.

A command is a whole process that ends when the data is committed. ``ours`` is the command line that people use,
with everything on: checks, errors files, pre-images, and the Dagster run recorded. ``before`` is another build of the
same, in a folder that ``BENCH_BUILD`` names.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psycopg

from benchmarks import contacts
from benchmarks.peers import floor
from imports_pipeline.database.migrations import migrate

#: The file of the night before was imported by the same installation, which may remember it: nothing has changed, 1 %
#: of the rows has, or all have; or 1 % has and 0.5 % are gone, in an overwrite.
NIGHTS: Final = ("night_same", "night_one_percent", "night_update_all", "night_overwrite")
CASES: Final = (
    "create",
    "unchanged",
    "update_all",
    "revert",
    "one_percent",
    "overwrite",
    "replace_half",
    "delete",
    "ten_rows",
    *NIGHTS,
    "small_files",
)
# The cases that start with no stored record; the others start with all records.
ON_NOTHING: Final = ("create", "ten_rows", "small_files", *NIGHTS)
#: The case that has to be run before one on the same database, without being measured.
FIRST: Final = {
    "revert": "update_all",
    **dict.fromkeys(NIGHTS, "create"),
    "night_overwrite": "create_overwrite",
}

_HERE: Final = Path(__file__).parents[1]


@dataclass(frozen=True)
class System:
    """A system: ``prepare`` creates its tables in an empty database, ``command`` returns the command of a case."""

    name: str
    #: The module that must be installed.
    needs: str
    prepare: Callable[[str, Path], None]
    command: Callable[[str, str, Sequence[Path], int], list[str]]
    #: Selects the ids, or the other keys of deletion, of the stored records.
    deletes_by: str = "SELECT external_id FROM dlt_contacts.contacts"
    delete_header: str = "external_id,deleted"
    cases: Sequence[str] = tuple(case for case in CASES if case not in ("revert", "ten_rows"))
    most_rows: int | None = None
    #: The folder from which its commands are run.
    folder: Path = _HERE

    @property
    def is_installed(self) -> bool:
        """True if the module is installed."""
        return find_spec(self.needs) is not None


def environment(url: str, home: Path) -> dict[str, str]:
    """Return the environment of all processes: the server, without settings of the caller's installation."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("IMPORTS_", "STORE_"))}
    return {**kept, "DATABASE_URL": url, "IMPORTS_HOME": str(home)}


@dataclass(frozen=True)
class _Build:
    """A build of this package: the folder of its ``.venv``, and how it is prepared and called."""

    folder: Path

    def prepare(self, url: str, home: Path) -> None:
        """Create all tables, also Dagster's, by importing one row into another organization."""
        first = home / "first.csv"
        contacts.write(first, range(1))
        command = [*self.command("create", url, [first], 1), "--organization", "first"]
        subprocess.run(
            command, cwd=self.folder, env=environment(url, home), check=True, stdout=subprocess.DEVNULL
        )

    def command(self, case: str, url: str, paths: Sequence[Path], rows: int) -> list[str]:
        """Return the command line for a case."""
        program = str(self.folder / ".venv" / "bin" / "imports-pipeline")
        if case == "revert":
            return [program, "revert", newest_import(url), "--json"]
        overwrites = case == "replace_half" or case.endswith("overwrite")
        action = "overwrite" if overwrites else "delete" if case == "delete" else "merge"
        command = [program, "run", *map(str, paths), "--json", "--resource", "contact", "--action", action]
        return [*command, "--max-deletions", str(rows)] if overwrites else command


def newest_import(url: str) -> str:
    """Return the id of the import that was accepted last."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT id FROM imports ORDER BY created_at DESC LIMIT 1").fetchone()
    assert row is not None, "there is no import to revert"
    return str(row[0])


def _prepare_floor(url: str, _: Path) -> None:
    migrate(url)
    with psycopg.connect(url) as connection:
        for statement in floor.PREPARE:
            connection.execute(statement)  # type: ignore[arg-type]


def _prepare_nothing(*_: object) -> None:
    """Do nothing, because the first run creates the tables."""


def _prepare_django(url: str, _: Path) -> None:
    subprocess.run(_module("django_bulk")("prepare", url, [], 0), check=True)


def _module(name: str) -> Callable[[str, str, Sequence[Path], int], list[str]]:
    def command(case: str, url: str, paths: Sequence[Path], _: int) -> list[str]:
        return [sys.executable, "-m", f"benchmarks.peers.{name}", case, url, *map(str, paths)]

    return command


def _build(name: str, folder: Path) -> System:
    build = _Build(folder)
    return System(
        name,
        "imports_pipeline",
        build.prepare,
        build.command,
        "SELECT id FROM contacts",
        "id",
        cases=CASES,
        folder=folder,
    )


SYSTEMS: Final = {
    system.name: system
    for system in (
        _build("ours", _HERE),
        *([_build("before", Path(os.environ["BENCH_BUILD"]))] if os.environ.get("BENCH_BUILD") else ()),
        System("dlt", "dlt", _prepare_nothing, _module("dlt_upsert")),
        System("floor", "psycopg", _prepare_floor, _module("floor"), "SELECT id FROM floor_contacts", "id"),
        System(
            "django-import-export",
            "import_export",
            _prepare_django,
            _module("django_bulk"),
            cases=("create", "unchanged", "update_all", "one_percent"),
            most_rows=10_000,
        ),
    )
}
