"""``make bench``: this package and other tools, measured in one run on the same PostgreSQL, as ratios.

Set by the environment:

- ``BENCH_ROWS``: sizes, such as ``10k,1M`` (10k,100k)
- ``BENCH_CASES``: of ``create,unchanged,update_all,revert,one_percent,overwrite,replace_half,delete,ten_rows,
  night_same,night_one_percent,night_update_all,night_overwrite,small_files``
- ``BENCH_PEERS``: of ``dlt,floor,django-import-export``
- ``BENCH_BUILD``: a folder with another build of this package and its ``.venv``, which is measured as ``before``
- ``BENCH_WAL_LEVEL``: of the server, ``minimal`` or ``replica`` (minimal)
- ``BENCH_REPEAT``: rounds (3)
- ``BENCH_DATA``: ``clean``, ``bad``, ``duplicates`` or ``multiline``
- ``BENCH_FILES``: 1,000, of 100 rows each, for ``small_files``
- ``BENCH_JSON``, ``BENCH_CHART``: paths for the figures and for an SVG picture of the ratios

Every measure is a whole process on a database of its own, copied from one that was prepared once. In each round
the systems take turns. The server is the embedded one with the settings it always has, in a folder of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from benchmarks import contacts, report
from benchmarks.processes import Failed, Measured, measure
from benchmarks.systems import CASES, FIRST, ON_NOTHING, SYSTEMS, System, environment
from imports_pipeline.database.server_url import database


@dataclass(frozen=True)
class Settings:
    """The cases, sizes and systems to measure."""

    sizes: list[int]
    cases: list[str]
    systems: list[System]
    repeat: int
    kind: str
    wal_level: str
    files: int
    json: Path | None
    chart: Path | None

    @classmethod
    def read(cls) -> Settings:
        """Return the plan of the environment variables; exit with a message if one is invalid."""
        given = os.environ
        names = ["ours", "before"][: 2 if given.get("BENCH_BUILD") else 1]
        names += _list(given.get("BENCH_PEERS", "dlt,floor,django-import-export"))
        cases = _list(given.get("BENCH_CASES") or ",".join(CASES))
        for what, values, known in (("BENCH_PEERS", names, SYSTEMS), ("BENCH_CASES", cases, CASES)):
            if wrong := sorted(set(values) - set(known)):
                sys.exit(f"{what} does not know {', '.join(wrong)}; it takes {', '.join(known)}.")
        kind = given.get("BENCH_DATA") or "clean"
        if kind not in contacts.KINDS:
            sys.exit(f"BENCH_DATA does not know {kind}; it takes {', '.join(contacts.KINDS)}.")
        wal_level = given.get("BENCH_WAL_LEVEL") or "minimal"
        if wal_level not in ("minimal", "replica"):
            sys.exit(f"BENCH_WAL_LEVEL does not know {wal_level}; it takes minimal, replica.")
        missing = [name for name in names if not SYSTEMS[name].is_installed]
        if missing:
            print(f"Not installed, so not measured: {', '.join(missing)}.", file=sys.stderr)
        return cls(
            sizes=[contacts.count_of(size) for size in _list(given.get("BENCH_ROWS") or "10k,100k")],
            cases=[case for case in CASES if case in cases],
            systems=[SYSTEMS[name] for name in SYSTEMS if name in names and name not in missing],
            repeat=max(1, int(given.get("BENCH_REPEAT") or 3)),
            kind=kind,
            wal_level=wal_level,
            files=int(given.get("BENCH_FILES") or 1000),
            json=Path(path) if (path := given.get("BENCH_JSON")) else None,
            chart=Path(path) if (path := given.get("BENCH_CHART")) else None,
        )


@dataclass
class Bench:
    """One server and one folder for a run of the benchmark."""

    url: str
    #: the process id of PostgreSQL's first process
    server: int
    folder: Path
    settings: Settings
    templates: set[str] = field(default_factory=set)
    made: dict[tuple[object, ...], list[Path]] = field(default_factory=dict)

    def round(self, system: System, case: str, rows: int) -> Measured:
        """Measure a case once on a fresh copy of its initial database.

        Raises:
            Failed: the measured process failed.
        """
        template = self._empty(system) if case in ON_NOTHING else self._full(system, rows)
        paths = self._paths(system, case, rows)
        with self._database(template) as url, self._home() as home:
            if (first := FIRST.get(case)) is not None:
                self._measure(
                    system, system.command(first, url, self._paths(system, first, rows), rows), url, home
                )
                self._settle(url)
            return self._measure(system, system.command(case, url, paths, rows), url, home)

    def night(self, system: System, path: Path, rows: int) -> Measured:
        """Measure the merge of a file after the system has stored ``rows`` contacts in the same home."""
        created = self._paths(system, "create", rows)
        with self._database(self._empty(system)) as url, self._home() as home:
            self._measure(system, system.command("create", url, created, rows), url, home)
            self._settle(url)
            return self._measure(system, system.command("one_percent", url, [path], rows), url, home)

    def _measure(self, system: System, command: Sequence[str], url: str, home: Path) -> Measured:
        return measure(command, environment(url, home), system.folder, self.server)

    def _settle(self, url: str) -> None:
        """Do what autovacuum and the checkpointer do between two imports."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM")
        self._admin("CHECKPOINT")

    def forget(self, rows: int) -> None:
        """Remove the prepared databases of a size."""
        for name in [name for name in self.templates if name.endswith(f"_{rows}")]:
            self._drop(name)
            self.templates.discard(name)

    def _empty(self, system: System) -> str:
        name = f"empty_{system.name}"
        if name not in self.templates:
            self._create(name, "template1")
            with self._home() as home:
                system.prepare(self._url(name), home)
            self.templates.add(name)
        return name

    def _full(self, system: System, rows: int) -> str:
        name = f"full_{system.name}_{rows}"
        if name not in self.templates:
            self._create(name, self._empty(system))
            url, paths = self._url(name), self._paths(system, "create", rows)
            with self._home() as home:
                self._measure(system, system.command("create", url, paths, rows), url, home)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")
            self.templates.add(name)
        return name

    def _paths(self, system: System, case: str, rows: int) -> list[Path]:
        case = {"unchanged": "create", "create_overwrite": "create", "night_same": "create"}.get(case, case)
        case = {"night_one_percent": "one_percent", "night_update_all": "update_all"}.get(case, case)
        key = (case, rows, system.name if case == "delete" else "")
        if key not in self.made:
            self.made[key] = self._write(system, case, rows)
        return self.made[key]

    def _write(self, system: System, case: str, rows: int) -> list[Path]:
        folder = Path(tempfile.mkdtemp(dir=self.folder, prefix=f"{case}-"))
        if case == "small_files":
            return contacts.write_small(folder, self.settings.files)
        path = folder / "contacts.csv"
        if case == "delete":
            self._write_deletes(system, path, rows)
        elif case == "ten_rows":
            contacts.write(path, range(10), kind=self.settings.kind)
        elif case in ("overwrite", "replace_half"):
            first, last = {
                "overwrite": (0, rows - rows // 100),
                "replace_half": (rows // 2, rows + rows // 2),
            }[case]
            contacts.write(path, range(first, last), kind=self.settings.kind)
        else:
            every = {"update_all": 1, "one_percent": 100, "night_overwrite": 100}.get(case)
            contacts.write(
                path,
                range(rows - rows // 200 if case == "night_overwrite" else rows),
                kind=self.settings.kind,
                changed=lambda number: every is not None and number % every == 0,
            )
        return [path]

    def _write_deletes(self, system: System, path: Path, rows: int) -> None:
        """Return the keys by which the system deletes every second stored record."""
        more = ",true" if system.delete_header.count(",") else ""
        with psycopg.connect(self._url(self._full(system, rows))) as connection, path.open("w") as file:
            file.write(system.delete_header + "\n")
            query = f"{system.deletes_by} ORDER BY external_id"
            for number, (key,) in enumerate(connection.execute(query)):  # type: ignore[call-overload]
                if number % 2:
                    file.write(f"{key}{more}\n")

    @contextmanager
    def _home(self) -> Iterator[Path]:
        home = Path(tempfile.mkdtemp(dir=self.folder, prefix="home-"))
        try:
            yield home
        finally:
            shutil.rmtree(home, ignore_errors=True)

    @contextmanager
    def _database(self, template: str) -> Iterator[str]:
        self._create("measured", template)
        try:
            yield self._url("measured")
        finally:
            self._drop("measured")

    def _create(self, name: str, template: str) -> None:
        self._drop(name)
        self._admin(
            "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy",
            sql.Identifier(name),
            sql.Identifier(template),
        )
        # Flush what the preparation wrote, so that no measurement includes it.
        self._admin("CHECKPOINT")

    def _drop(self, name: str) -> None:
        self._admin("DROP DATABASE IF EXISTS {} WITH (FORCE)", sql.Identifier(name))

    def _admin(self, statement: str, *names: sql.Identifier) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*names))  # type: ignore[arg-type]

    def _url(self, name: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))


def run(bench: Bench, case: str, rows: int) -> list[dict[str, Any]]:
    """Measure a case with each system in turn, and return one row of figures for each system."""
    settings = bench.settings
    systems = [s for s in settings.systems if case in s.cases and rows <= (s.most_rows or rows)]
    found: dict[str, list[Measured]] = {system.name: [] for system in systems}
    # A thousand imports vary little, so they run once.
    for number in range(1 if case == "small_files" else settings.repeat):
        for system in systems:
            if number and not found[system.name]:
                continue  # it failed in the first round
            print(f"{case}, {rows:,} rows, {system.name}, round {number + 1}", file=sys.stderr, flush=True)
            try:
                one = bench.round(system, case, rows)
            except Failed as failure:
                print(f"  not measured: {failure}", file=sys.stderr)
                continue
            found[system.name].append(one)
            print(f"  {report.seconds(one)}", file=sys.stderr, flush=True)
    medians = {
        name: statistics.median(one.seconds for one in measures)
        for name, measures in found.items()
        if measures
    }
    return [
        {
            "case": case,
            "system": name,
            "rows": rows,
            "seconds_median": round(medians[name], 3),
            "seconds_min": round(min(one.seconds for one in found[name]), 3),
            "seconds_max": round(max(one.seconds for one in found[name]), 3),
            "client_seconds": round(statistics.median(one.client_seconds for one in found[name]), 2),
            "server_seconds": round(statistics.median(one.server_seconds for one in found[name]), 2),
            "rss_mb": round(statistics.median(one.rss_mb for one in found[name]), 1),
            "ratio_to_dlt": _ratio(medians, name, "dlt"),
            "ratio_to_floor": _ratio(medians, name, "floor"),
            "ratio_to_before": _ratio(medians, name, "before"),
            "phases": report.phases(found[name][-1].output) if name == "ours" else [],
        }
        for name in medians
    ]


def _ratio(medians: dict[str, float], name: str, other: str) -> float | None:
    return round(medians[name] / medians[other], 3) if other in medians else None


@contextmanager
def served(folder: Path, wal_level: str = "minimal") -> Iterator[tuple[str, int]]:
    """Start the embedded server in a folder; yield its URL and the process id of its first process."""
    with database(folder, {}) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER SYSTEM SET wal_level = {}").format(sql.Identifier(wal_level)))
    with database(folder, {}) as url:
        yield url, int(next(folder.rglob("postmaster.pid")).read_text().split()[0])


def main() -> None:
    """Measure all requested cases, print the tables, and write the figures and the chart."""
    settings = Settings.read()
    figures: list[dict[str, Any]] = []
    with (
        tempfile.TemporaryDirectory(prefix="imports-bench-") as folder,
        served(Path(folder), settings.wal_level) as (url, server),
    ):
        bench = Bench(url, server, Path(folder), settings)
        for rows in settings.sizes:
            for case in settings.cases:
                if case != "small_files":
                    figures += run(bench, case, rows)
            bench.forget(rows)
        if "small_files" in settings.cases:
            figures += run(bench, "small_files", settings.files * 100)
    print(report.table(figures, settings.repeat, settings.kind))
    print(report.phase_table(figures))
    if settings.json is not None:
        kept = [{name: value for name, value in one.items() if name != "phases"} for one in figures]
        settings.json.write_text(json.dumps(kept, indent=1) + "\n")
    if settings.chart is not None:
        report.chart(figures, settings.chart)


def _list(text: str) -> Sequence[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


if __name__ == "__main__":
    main()
