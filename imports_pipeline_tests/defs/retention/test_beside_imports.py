"""The retention beside imports: it waits for them, and keeps the tables small without blocking them."""

from __future__ import annotations

from dagster import DagsterInstance

from imports_pipeline.model.statuses import Status
from imports_pipeline.workflow.housekeeping import OUT_OF_TIME
from imports_pipeline_tests.defs.retention.nights import Retain, age, import_files
from imports_pipeline_tests.defs.runs import CONTENT
from imports_pipeline_tests.journeys import Imports


def test_the_retention_waits_only_while_imports_are_under_way(
    imports: Imports, instance: DagsterInstance, retain: Retain
) -> None:
    old = import_files(imports, instance, 2)
    age(imports, 400, *old)
    with imports.workflow.database.connect() as connection:
        connection.execute(
            "UPDATE imports SET status = 'failed' WHERE status IN ('requested', 'queued', 'processing')"
        )
    waited: list[float] = []
    times = iter(range(100))
    assert retain(batch=1, clock=lambda: next(times), sleep=waited.append).runs == 2
    assert waited == []

    old = import_files(imports, instance, 2)
    age(imports, 400, *old)
    open_ = imports.check(imports.register(CONTENT))
    removed = retain(batch=1, clock=lambda: next(times), sleep=waited.append).runs
    assert removed >= 2
    assert waited == [4] * removed, "four times the time of each batch"
    assert imports.write(open_).status is Status.COMPLETED


def test_indexes_are_rebuilt_after_many_removals(
    imports: Imports, instance: DagsterInstance, retain: Retain
) -> None:
    def indexes() -> dict[str, int]:
        found = imports.query(
            "SELECT c.relname, c.relfilenode FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " WHERE i.indrelid = 'dagster.event_logs'::regclass AND i.indisvalid"
        )
        return {row["relname"]: row["relfilenode"] for row in found}

    def count() -> int:
        (row,) = imports.query("SELECT position FROM retention_progress WHERE name = 'indexes'")
        return int(row["position"])

    before = indexes()
    old = import_files(imports, instance, 2)
    age(imports, 43, *old[:1])
    unfinished = retain(seconds=0)
    assert unfinished.notes == [OUT_OF_TIME]
    assert retain().events == 0
    assert (count(), indexes()) == (unfinished.events, before), "too few for it"
    # An interrupted rebuild leaves an index behind that is not valid.
    with imports.workflow.database.connect() as connection:
        connection.execute("CREATE INDEX idx_step_key_ccnew ON dagster.event_logs (step_key)")
        connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'dagster.idx_step_key_ccnew'::regclass"
        )
        connection.execute("UPDATE retention_progress SET position = 1000000000 WHERE name = 'indexes'")
    age(imports, 43, *old)
    # The time of the night ends after an index, and the next night goes on behind it.
    built = "SELECT FROM retention_progress WHERE place <> ''"
    assert OUT_OF_TIME in retain(rebuild_after=0, clock=lambda: 10**6 if imports.query(built) else 0).notes
    assert count() > 0
    retain(rebuild_after=10**9)
    assert count() == 0
    after = indexes()
    assert set(after) == set(before)
    assert not set(after.values()) & set(before.values()), "all were made again"
    assert not imports.query("SELECT FROM pg_class WHERE relname ~ '_cc(new|old)'")
