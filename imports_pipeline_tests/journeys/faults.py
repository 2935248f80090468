"""Faults to inject: a database that refuses, a disk that is full, a clock that leaps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from imports_pipeline.database.active_imports import worker_name
from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.model.imports import Import
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.journeys.imports import Imports


@contextmanager
def trigger(imports: Imports, body: str, event: str = "INSERT", table: str = "contacts") -> Iterator[None]:
    """Run ``body`` (PL/pgSQL) at every write of that kind to the organization's records."""
    row = "OLD" if event == "DELETE" else "NEW"
    with imports.workflow.database.connect() as connection:
        # The tables of records are in a schema of their own; the names without it are views.
        connection.execute("SET search_path = records, public")
        connection.execute(
            f"CREATE FUNCTION records.fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN {row}; END $$"
        )
        connection.execute(
            f"CREATE TRIGGER fault BEFORE {event} ON {table} FOR EACH ROW"
            f" WHEN ({row}.organization_id = '{imports.organization}') EXECUTE FUNCTION records.fault()"
        )
    try:
        yield
    finally:
        with imports.workflow.database.connect() as connection:
            connection.execute("DROP FUNCTION records.fault CASCADE")


@dataclass
class FullDisk:
    """A file store that fails when its ``fails_at``-th file is to be put in place."""

    store: LocalStore
    fails_at: int
    written: list[str] = field(default_factory=list)

    def workflow(self, workflow: ImportWorkflow) -> ImportWorkflow:
        """Yield the workflow on this store."""
        failing = LocalStore(self.store.root)
        whole = failing.open_write

        @contextmanager
        def open_write(key: str) -> Iterator[BinaryIO]:
            with whole(key) as file:
                yield file
                self.written.append(key)
                if len(self.written) == self.fails_at:
                    raise OSError(28, "No space left on device")

        failing.open_write = open_write  # type: ignore[method-assign]
        return replace(workflow, store=failing)


def leaping(workflow: ImportWorkflow, after: int) -> ImportWorkflow:
    """Return the workflow on a clock that leaps by ten hours once it was read ``after`` times."""
    reads = 0

    def clock() -> float:
        nonlocal reads
        reads += 1
        return time.time() + (36_000 if reads > after else 0)

    return replace(workflow, clock=clock)


def sleeps(imports: Imports, import_: Import) -> bool:
    """Return whether a statement of the import's worker sleeps."""
    return bool(
        imports.query(
            "SELECT FROM pg_stat_activity WHERE application_name = %s AND wait_event = 'PgSleep'",
            worker_name(import_.id),
        )
    )


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that comes about by itself."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come about within a minute"
        time.sleep(0.02)


def nothing_else_is_open(imports: Imports) -> None:
    """End what other tests left open: what looks at all imports at once takes only so many at a time."""
    for table in ("imports", "batches"):
        imports.query(
            f"UPDATE {table} SET status = 'failed' WHERE status IN ('requested', 'queued', 'processing')"
            " AND organization_id <> %s RETURNING id",
            imports.organization,
        )
