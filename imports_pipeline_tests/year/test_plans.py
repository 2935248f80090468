"""After much use nothing that is done all day reads a large table: each statement finds its rows by an index."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg
import pytest
from dagster import DagsterInstance
from psycopg import sql

from imports_pipeline.dagster_runtime.dagster_environment import dagster_environment
from imports_pipeline.database import dagster_indexes
from imports_pipeline.database.connections import Database
from imports_pipeline.database.migrations import migrate
from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.year import history
from imports_pipeline_tests.year.work import import_ten_rows, pieces_of_work

IMPORTS, ORGANIZATIONS = 500, 50
#: A table with fewer rows may be read as a whole.
LARGE = 400
ENDED_SECONDS = 60


@pytest.fixture
def url(server: str, worker_id: str) -> str:
    """Return a database of its own, in which whole tables are read only where there is no index."""
    name = f"year_{worker_id}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("ALTER DATABASE {} SET enable_seqscan = off").format(sql.Identifier(name)))
    return f"{server.rpartition('/')[0]}/{name}"


def test_no_large_table_is_read_as_a_whole(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(url)
    for name, value in {**dagster_environment(url, tmp_path), "IMPORTS_LOG_LEVEL": "CRITICAL"}.items():
        monkeypatch.setenv(name, value)
    workflow = ImportWorkflow(Database(url), LocalStore(tmp_path / "files"), Settings(tmp_path))
    template = import_ten_rows(workflow, tmp_path)
    with psycopg.connect(url, autocommit=True) as connection:
        history.build(connection, [template.id], imports=IMPORTS, organizations=ORGANIZATIONS)
        # The last page, of one organization.
        history.build(connection, [template.id], imports=30, organizations=1, days=1, first=IMPORTS + 1)
        history.add_ticks(connection, 5000)
        dagster_indexes.create_missing(connection)
    with DagsterInstance.get() as instance, psycopg.connect(url, autocommit=True) as connection:
        read = {}
        for name, work in pieces_of_work(workflow, instance, "org-0000").items():
            # The first time the housekeeping has something to do.
            work()
            before = _rows_read(connection)
            work()
            after = _rows_read(connection)
            read[name] = {
                table: rows - before[table][0]
                for table, (rows, size) in after.items()
                if size > LARGE and 2 * (rows - before[table][0]) > size
            }
        assert {name: tables for name, tables in read.items() if tables} == {}


def _rows_read(connection: psycopg.Connection) -> dict[str, tuple[int, int]]:
    """Return for each table how many of its rows or entries of its indexes were read so far, and its rows."""
    # A connection adds what it has read to the counters before it has ended.
    others = (
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    end = time.monotonic() + ENDED_SECONDS
    while connection.execute(others).rowcount:
        assert time.monotonic() < end, "a connection stays open"
        time.sleep(0.01)
    found = connection.execute(
        "SELECT relid::regclass::text, seq_tup_read + greatest(idx_tup_fetch, (SELECT sum(idx_tup_read)"
        " FROM pg_stat_user_indexes i WHERE i.relid = t.relid), 0), n_live_tup FROM pg_stat_user_tables t"
    )
    return {table: (read, size) for table, read, size in found}
