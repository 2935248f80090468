"""Options of Dagster's tables: set where nobody has set them, and never at the price of waiting for a lock."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from imports_pipeline.database import dagster_bloat

FACTOR = "autovacuum_vacuum_scale_factor"


@pytest.fixture
def tables(server: str, worker_id: str) -> str:
    """Return the URL of a database with a table of ours and two of Dagster's, one of which a person has set up."""
    name = f"dagster_bloat_{worker_id}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = f"{server.rpartition('/')[0]}/{name}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA dagster; CREATE TABLE dagster.event_logs (id int)")
        connection.execute(f"CREATE TABLE dagster.run_tags (id int) WITH ({FACTOR} = 0.5)")
        connection.execute("CREATE TABLE imports (id int)")
    return url


def options(connection: psycopg.Connection) -> dict[str, list[str] | None]:
    found = connection.execute(
        "SELECT relname, reloptions FROM pg_class WHERE relname IN ('event_logs', 'run_tags', 'imports')"
    )
    return dict(found.fetchall())


def test_tables_are_vacuumed_sooner_unless_a_person_decided_otherwise(tables: str) -> None:
    with psycopg.connect(tables, autocommit=True) as connection:
        for _ in range(2):
            dagster_bloat.vacuum_sooner(connection)
            assert options(connection) == {
                "event_logs": [f"{FACTOR}=0.02"],
                "run_tags": [f"{FACTOR}=0.5"],
                "imports": [f"{FACTOR}=0.02"],
            }


def test_a_table_that_is_locked_is_left_for_the_next_call(
    tables: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dagster_bloat, "_OPTION_SECONDS", 0.1)
    with psycopg.connect(tables) as other, psycopg.connect(tables, autocommit=True) as connection:
        other.execute("LOCK TABLE dagster.event_logs IN SHARE UPDATE EXCLUSIVE MODE")
        dagster_bloat.vacuum_sooner(connection)
        assert options(connection)["event_logs"] is None
        other.rollback()
        dagster_bloat.vacuum_sooner(connection)
        assert options(connection)["event_logs"] == [f"{FACTOR}=0.02"]
