"""Which server a command gets, what it is told when there is none, and where Dagster's tables go."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from dagster import DagsterInstance

from imports_pipeline.dagster_runtime.dagster_environment import (
    dagster_environment,
    dagster_home,
    project_root,
)
from imports_pipeline.database import server_url
from imports_pipeline.database.server_url import ServerError, database, normalised
from imports_pipeline.embedded import running_server


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_server(tmp_path_factory.mktemp("home") / "postgres") as url:
        yield url


def told(home: Path, url: str) -> str:
    with pytest.raises(ServerError) as caught, database(home, {"DATABASE_URL": url}):
        pass
    assert not list(home.iterdir()), "nothing is started beside a DATABASE_URL"
    return str(caught.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_a_given_server_is_used(url: str, tmp_path: Path, scheme: str) -> None:
    given = f" {scheme}://{url.partition('://')[2]}\n"
    with database(tmp_path, {"DATABASE_URL": given}) as used:
        assert used == url
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("environ", [{}, {"DATABASE_URL": " "}])
def test_the_embedded_server_is_used_otherwise(tmp_path: Path, environ: dict[str, str]) -> None:
    with database(tmp_path, environ) as url, psycopg.connect(url) as connection:
        assert connection.info.server_version >= 180_000
    assert (tmp_path / "postgres" / "data").is_dir()


def test_an_unreachable_server_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound and not listening: every connection is refused
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        message = told(tmp_path, f"postgresql://me:s3%24cret@127.0.0.1:{port}/imports")
    assert "cannot be used" in message
    assert "refused" in message
    assert "s3" not in message


def test_wrong_credentials_are_told(url: str, tmp_path: Path) -> None:
    password = url.split(":")[2].split("@")[0]
    message = told(tmp_path, url.replace(password, "wr0ng"))
    assert "password authentication failed" in message
    assert "wr0ng" not in message


@pytest.mark.parametrize("given", ["mysql://me:s3cret@host/db", "me:s3cret@host"])
def test_what_is_no_postgresql_url_is_told(tmp_path: Path, given: str) -> None:
    message = told(tmp_path, given)
    assert "Write it as postgresql://user:password@host:5432/database" in message
    assert "s3cret" not in message


@pytest.mark.parametrize(
    "rest", ["me:s3cret%zz@127.0.0.1/db", "me:s3cret@127.0.0.1:port/db", "me:s3cret@[::1/db"]
)
def test_a_broken_url_is_told_without_its_password(tmp_path: Path, rest: str) -> None:
    message = told(tmp_path, f"postgresql://{rest}")
    assert "cannot be parsed" in message or "cannot be used" in message
    assert "s3cret" not in message


def test_an_old_server_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = SimpleNamespace(info=SimpleNamespace(server_version=160_014))
    monkeypatch.setattr(server_url.psycopg, "connect", lambda *_, **__: contextlib.nullcontext(old))
    message = told(tmp_path, "postgresql://me:s3cret@host/db")
    assert "PostgreSQL 16.14" in message
    assert "17 or newer" in message


def test_a_url_is_normalised() -> None:
    assert normalised("postgres://a:b@c/d?sslmode=require") == "postgresql://a:b@c/d?sslmode=require"


def test_dagster_keeps_to_its_own_schema(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = "select schemaname, tablename from pg_tables where schemaname !~ '^(pg_|information)'"
    with psycopg.connect(url) as connection:
        before = set(connection.execute(tables))
    source = {path for folder in (project_root(), dagster_home()) for path in folder.iterdir()}

    for name, value in dagster_environment(url, tmp_path).items():
        monkeypatch.setenv(name, value)
    with DagsterInstance.get() as instance:
        assert instance.run_storage.should_autocreate_tables
        instance.add_dynamic_partitions("some", ["one"])

    with psycopg.connect(url) as connection:
        made = set(connection.execute(tables)) - before
    assert {schema for schema, _ in made} == {"dagster"}
    assert {"runs", "event_logs", "instigators", "alembic_version"} <= {name for _, name in made}
    assert {path for folder in (project_root(), dagster_home()) for path in folder.iterdir()} == source

    # Who comes next does not look for the tables, until one is missing.
    for missing, looks in (("nothing", False), ("instance_info", True)):
        with psycopg.connect(url) as connection:
            connection.execute(f"DROP TABLE IF EXISTS dagster.{missing}")
        for name, value in dagster_environment(url, tmp_path).items():
            monkeypatch.setenv(name, value)
        with DagsterInstance.get() as instance:
            storages = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
            assert [one.should_autocreate_tables for one in storages] == [looks] * 3
            assert instance.get_dynamic_partitions("some") == ["one"]
            assert instance.get_runs() == []
            assert instance.all_instigator_state() == []


def test_the_environment_adds_to_the_options_of_a_url(url: str, tmp_path: Path) -> None:
    given = f"{url}?options=-cstatement_timeout%3D5min&application_name=x"
    environment = dagster_environment(given, tmp_path)
    assert environment["DAGSTER_POSTGRES_URL"].endswith(
        "/imports?options=-cstatement_timeout%3D5min%20-csearch_path%3Ddagster%20-csynchronous_commit%3Doff"
        "&application_name=x"
    )
    assert environment["DATABASE_URL"] == given
    assert Path(environment["IMPORTS_DAGSTER_STORAGE"]).is_relative_to(environment["IMPORTS_HOME"])
