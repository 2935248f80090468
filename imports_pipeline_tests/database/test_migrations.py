"""Migrations: the newest is known by name, and of several callers one runs them."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Barrier
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import sql

from imports_pipeline.database import migrations
from imports_pipeline.database.editions import SEARCH_PATH, complete, create_removed, new_edition, point_to
from imports_pipeline.database.migrations import HEAD, migrate
from imports_pipeline.embedded.binaries import binaries_folder

_NUMBERS = count(1)
FOLDER = Path(migrations.__file__).parent


@pytest.fixture
def empty(server: str, worker_id: str) -> str:
    """Return a database without tables."""
    name = f"empty_{worker_id}_{next(_NUMBERS)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return f"{server.rpartition('/')[0]}/{name}"


def test_head_is_the_newest_version() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [HEAD]
    newest = max(path.name for path in (FOLDER / "versions").glob("[0-9]*.py"))
    assert newest.startswith(f"{HEAD}_")


def test_of_several_callers_one_migrates(empty: str) -> None:
    barrier = Barrier(4)

    def call(_: int) -> None:
        barrier.wait()
        migrate(empty)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(call, range(4)))
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
        assert connection.execute("SELECT count(*) FROM contacts").fetchone() == (0,)
    migrate(empty)


def test_every_version_can_be_taken_back(empty: str) -> None:
    migrate(empty)
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["url"] = "postgresql+psycopg://" + empty.split("://", 1)[1]
    command.downgrade(config, "base")
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT to_regclass('contacts')").fetchone() == (None,)
    migrate(empty)
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT count(*) FROM contacts").fetchone() == (0,)


def test_a_migrated_database_has_no_open_lock(empty: str) -> None:
    migrate(empty)
    with psycopg.connect(empty) as connection:
        held = connection.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
            " WHERE locktype = 'advisory' AND datname = current_database()"
        ).fetchone()
    assert held == (0,)


def test_imports_of_earlier_versions_get_their_order_by_when_they_were_made(empty: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["url"] = "postgresql+psycopg://" + empty.split("://", 1)[1]
    command.upgrade(config, "0008")
    with psycopg.connect(empty, autocommit=True) as connection:
        for import_id, days, status, written in (
            ("imp_newer", 1, "completed", True),
            ("imp_passed", 3, "queued", False),
            ("imp_first", 5, "completed", True),
            ("imp_failed", 4, "failed", False),
            ("imp_waits", 0, "queued", False),
        ):
            connection.execute(
                "INSERT INTO imports (id, organization_id, resource, action, mode, status, options, source, created_at,"
                " written_at) VALUES (%(id)s, 'org', 'contact', 'merge', 'mixed', %(status)s, '{}', 'cli',"
                " now() - make_interval(days => %(days)s), CASE WHEN %(written)s THEN now() END)",
                {"id": import_id, "days": days, "status": status, "written": written},
            )
    migrate(empty)
    with psycopg.connect(empty, autocommit=True) as connection:
        order = connection.execute(
            "SELECT id FROM imports WHERE accepted IS NOT NULL ORDER BY accepted"
        ).fetchall()
        assert order == [("imp_first",), ("imp_passed",), ("imp_newer",), ("imp_waits",)]
        assert connection.execute("SELECT resource, last FROM acceptances").fetchall() == [("contact", 4)]


def test_runs_that_wait_during_an_upgrade_keep_their_import(empty: str) -> None:
    """The tags by which a run finds its import have other names since."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["url"] = "postgresql+psycopg://" + empty.split("://", 1)[1]
    command.upgrade(config, "0017")
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA dagster")
        connection.execute("CREATE TABLE dagster.runs (run_id text, status text, run_body text)")
        connection.execute("CREATE TABLE dagster.run_tags (run_id text, key text, value text)")
        connection.execute(
            "INSERT INTO imports (id, organization_id, resource, action, mode, status, options, source)"
            " VALUES ('imp_open', 'a', 'contact', 'merge', 'mixed', 'processing', '{}', 'cli'),"
            " ('imp_done', 'a', 'contact', 'merge', 'mixed', 'completed', '{}', 'cli')"
        )
        # The failed run's import is still open.
        for status, import_id in (("QUEUED", "imp_done"), ("FAILURE", "imp_open"), ("SUCCESS", "imp_done")):
            body = '{"tags": {"imports/id": "x", "imports/status": "queued"}}'
            connection.execute("INSERT INTO dagster.runs VALUES (%s, %s, %s)", (status, status, body))
            for key in ("imports/id", "imports/status"):
                connection.execute(
                    "INSERT INTO dagster.run_tags VALUES (%s, %s, %s)", (status, key, import_id)
                )
    command.upgrade(config, "0018")
    with psycopg.connect(empty, autocommit=True) as connection:
        bodies = connection.execute("SELECT status, run_body FROM dagster.runs ORDER BY status").fetchall()
        keys = connection.execute("SELECT run_id, key FROM dagster.run_tags ORDER BY 1, 2").fetchall()
    assert [(status, list(json.loads(body)["tags"])) for status, body in bodies] == [
        ("FAILURE", [".dagster/imports_id", "imports/status"]),
        ("QUEUED", [".dagster/imports_id", "imports/status"]),
        ("SUCCESS", ["imports/id", "imports/status"]),
    ]
    assert keys == [
        ("FAILURE", ".dagster/imports_id"),
        ("FAILURE", "imports/status"),
        ("QUEUED", ".dagster/imports_id"),
        ("QUEUED", "imports/status"),
        ("SUCCESS", "imports/id"),
        ("SUCCESS", "imports/status"),
    ]


def test_indexes_on_dagsters_tables_come_and_go(empty: str) -> None:
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA dagster")
        connection.execute("CREATE TABLE dagster.job_ticks (id bigint, timestamp timestamp)")
        connection.execute(
            "CREATE TABLE dagster.asset_check_executions (id bigint, asset_key text, check_name text)"
        )

    def indexes() -> list[str]:
        with psycopg.connect(empty) as connection:
            found = connection.execute(
                "SELECT indexname FROM pg_indexes WHERE indexname LIKE 'imports_job%'"
                " OR indexname IN ('imports_asset_check_executions_by_check', 'imports_reverts') ORDER BY 1"
            )
            return [name for (name,) in found]

    migrate(empty)
    assert indexes() == [
        "imports_asset_check_executions_by_check",
        "imports_job_ticks_by_time",
        "imports_reverts",
    ]
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["url"] = "postgresql+psycopg://" + empty.split("://", 1)[1]
    command.downgrade(config, "0012")
    assert indexes() == []


def test_a_fill_factor_that_somebody_has_set_stays(empty: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["url"] = "postgresql+psycopg://" + empty.split("://", 1)[1]

    def fill_factors() -> list[Any]:
        with psycopg.connect(empty) as connection:
            query = "SELECT reloptions FROM pg_class WHERE oid = ANY(%s::regclass[]) ORDER BY relname"
            rows = connection.execute(query, (["records.contacts", "records.groups"],)).fetchall()
        return [options for (options,) in rows]

    migrate(empty)
    assert fill_factors() == [["fillfactor=96"], ["fillfactor=96"]]
    command.downgrade(config, "0025")
    assert fill_factors() == [None, None]
    with psycopg.connect(empty) as connection:
        connection.execute("ALTER TABLE records.contacts SET (fillfactor = 50)")
    migrate(empty)
    assert fill_factors() == [["fillfactor=50"], ["fillfactor=96"]]
    command.downgrade(config, "0025")
    assert fill_factors() == [["fillfactor=50"], None]


def test_editions_are_dumped_and_taken_back(empty: str) -> None:
    """A dump names the tables, and the version before editions has all current records in one table."""
    migrate(empty)
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO contacts (organization_id, id, name)"
            " VALUES ('a', '1', 'replaced'), ('a', '2', 'replaced'), ('b', '1', 'shared')"
        )
        with new_edition(connection, "contacts") as edition, connection.transaction():
            assert edition is not None
            connection.execute(
                sql.SQL(
                    "INSERT INTO {} (organization_id, id, name) VALUES ('a', '1', 'new'), ('a', '3', 'new')"
                ).format(edition.identifier)
            )
            point_to(connection, "a", "contact", edition.schema, "contacts", "imp_1")
            create_removed(connection, edition)
            connection.execute(sql.SQL("INSERT INTO {} VALUES ('2', 'deleted')").format(edition.removed))
            complete(connection, edition, 2, 2)
    current = [("a", "1", "new"), ("a", "3", "new"), ("b", "1", "shared")]
    query = "SELECT organization_id, id, name FROM contacts ORDER BY 1, 2"
    restored = f"{empty}_restored"
    with psycopg.connect(empty, autocommit=True) as connection:
        assert connection.execute(query).fetchall() == current
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(restored.rpartition("/")[2])))
    dumped = subprocess.run([binaries_folder() / "pg_dump", empty], check=True, capture_output=True).stdout
    subprocess.run(
        [binaries_folder() / "psql", "-q", "-v", "ON_ERROR_STOP=1", restored],
        input=dumped, check=True, capture_output=True,
    )  # fmt: skip
    with psycopg.connect(restored, autocommit=True) as connection:
        assert connection.execute(query).fetchall() == current
        connection.execute("INSERT INTO contacts (organization_id, id, name) VALUES ('a', '4', 'by hand')")
        use = connection.execute(f"SELECT ({SEARCH_PATH})", {"organization": "a"}).fetchone()
    assert use == (f"{edition.schema}, records, public",)
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["url"] = "postgresql+psycopg://" + restored.split("://", 1)[1]
    command.downgrade(config, "0023")
    removed = "SELECT import_id, organization_id, id, operation FROM records.removed"
    with psycopg.connect(restored, autocommit=True) as connection:
        assert connection.execute(removed).fetchall() == [("imp_1", "a", "2", "deleted")]
    migrate(restored)
    with psycopg.connect(restored, autocommit=True) as connection:
        listed = connection.execute(sql.SQL("SELECT * FROM {}").format(edition.removed))
        assert listed.fetchall() == [("2", "deleted")]
    command.downgrade(config, "0018")
    with psycopg.connect(restored, autocommit=True) as connection:
        assert connection.execute(query).fetchall() == [*current[:2], ("a", "4", "by hand"), current[2]]
        left = connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname ~ '^(edition_|records)'")
        assert left.fetchone() == (0,)
    migrate(restored)
    with psycopg.connect(restored, autocommit=True) as connection:
        assert len(connection.execute(query).fetchall()) == 4
