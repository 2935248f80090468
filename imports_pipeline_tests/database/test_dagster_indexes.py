"""Indexes on Dagster's tables: its statements use them, and an interrupted creation is done again."""

from __future__ import annotations

import time
from collections.abc import Iterator

import dagster as dg
import psycopg
import pytest
from dagster import DagsterInstance

from imports_pipeline.database import dagster_indexes
from imports_pipeline.workflow.housekeeping import housekeep
from imports_pipeline_tests.journeys import Imports

_COUNTED_WITHIN = 60.0
NAMES = ["imports_asset_check_executions_by_check", "imports_job_ticks_by_time"]


@pytest.fixture
def connection(imports: Imports, instance: DagsterInstance) -> Iterator[psycopg.Connection]:
    """Yield a connection to a database with Dagster's tables and without the indexes."""
    with psycopg.connect(imports.workflow.database.url, autocommit=True) as connection:
        dagster_indexes.drop(connection)
        yield connection
        dagster_indexes.create_missing(connection)


def test_housekeeping_creates_what_is_missing(imports: Imports, connection: psycopg.Connection) -> None:
    with imports.workflow.database.connect() as ours:
        housekeep(ours, imports.workflow.store, imports.workflow.settings)
    assert dagster_indexes.create_missing(connection) == []


def test_an_open_transaction_leaves_it_to_the_next_call(
    imports: Imports, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dagster_indexes, "_LOCK_SECONDS", 1)
    with psycopg.connect(imports.workflow.database.url) as other:
        other.execute("LOCK TABLE dagster.job_ticks IN ROW EXCLUSIVE MODE")
        assert dagster_indexes.create_missing(connection) == NAMES[:1]
    assert dagster_indexes.create_missing(connection) == NAMES[1:]
    assert dagster_indexes.create_missing(connection) == []


def test_dagster_reads_by_them(connection: psycopg.Connection, instance: DagsterInstance) -> None:
    """A pin on Dagster's statements: with another version an index may be of no use."""
    keys = [dg.AssetCheckKey(dg.AssetKey("indexed"), f"check-{number}") for number in range(4)]
    # VACUUM marks pages as visible to all only if the commit has reached the disk.
    connection.execute("SET synchronous_commit = on")
    connection.execute(
        "INSERT INTO dagster.job_ticks (job_origin_id, selector_id, status, type, timestamp, tick_body)"
        " SELECT 'indexed', 'indexed-' || n % 7, 'SKIPPED', 'SENSOR', now() - make_interval(secs => n), 'x'"
        " FROM generate_series(1, 20000) n"
    )
    connection.execute(
        "INSERT INTO dagster.asset_check_executions (asset_key, check_name, run_id, execution_status,"
        " evaluation_event)"
        """ SELECT '["indexed"]', 'check-' || n % 4, n::text, 'PLANNED',"""
        " CASE WHEN n < 19900 THEN repeat('x', 900) END FROM generate_series(1, 20000) n"
    )
    try:
        dagster_indexes.create_missing(connection)
        connection.execute("VACUUM ANALYZE dagster.job_ticks, dagster.asset_check_executions")
        before = _scans(connection)
        assert len(instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)) == 4
        storage = instance.schedule_storage
        assert storage is not None
        storage.get_tick_summaries("other", "indexed-3", limit=1)
        # A connection that stays open adds to the counters only when it has done nothing for some seconds.
        end = time.monotonic() + _COUNTED_WITHIN
        while any(_scans(connection)[name] == before[name] for name in NAMES) and time.monotonic() < end:
            time.sleep(0.1)
        after = _scans(connection)
        assert [name for name in NAMES if after[name] > before[name]] == NAMES
    finally:
        connection.execute("DELETE FROM dagster.job_ticks WHERE job_origin_id = 'indexed'")
        connection.execute("""DELETE FROM dagster.asset_check_executions WHERE asset_key = '["indexed"]'""")


def _scans(connection: psycopg.Connection) -> dict[str, int]:
    found = connection.execute(
        "SELECT indexrelname, idx_scan FROM pg_stat_all_indexes WHERE indexrelname = ANY(%s)", [NAMES]
    )
    return dict(found.fetchall())
