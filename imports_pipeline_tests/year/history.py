"""Builds the history of a busy year in a database: copies of one real import with all that Dagster recorded of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
from psycopg import sql

from imports_pipeline.filestore.local import LocalStore

#: Rows that one statement copies.
_STEP = 2000
# Dagster's tables that hold rows of a run, and the column with the time of a row.
_OF_RUN = (
    ("runs", ("create_timestamp", "update_timestamp")),
    ("run_tags", ()),
    ("event_logs", ("timestamp",)),
    ("asset_check_executions", ("create_timestamp", "evaluation_event_timestamp")),
)


def build(
    connection: psycopg.Connection[Any],
    import_id: str,
    *,
    imports: int,
    organizations: int,
    days: int = 365,
) -> None:
    """Copy an import, its batch and its run ``imports`` times, evenly over the last ``days``.

    Args:
        connection: a connection in autocommit mode
        import_id: a completed import with one run; its organization's name must not occur in other texts
        imports: the number of copies
        organizations: the number of organizations that the copies belong to
        days: the age of the oldest copy
    """
    row = connection.execute(
        "SELECT run_id, organization_id, batch_id FROM imports WHERE id = %s", [import_id]
    )
    run_id, organization_id, batch_id = row.fetchone() or (None, None, None)
    connection.execute(
        "CREATE TEMP TABLE copies AS SELECT n, 'imp_' || lpad(n::text, 26, '0') AS import_id,"
        " 'btch_' || lpad(n::text, 26, '0') AS batch_id, gen_random_uuid()::text AS run_id,"
        " 'org-' || lpad((n %% %(organizations)s)::text, 4, '0') AS organization_id,"
        " now() - %(age)s::interval * (1 - n::float / %(imports)s) AS at FROM generate_series(1, %(imports)s) n",
        {"organizations": organizations, "imports": imports, "age": timedelta(days=days)},
    )
    names = [
        ("import_id", import_id),
        ("batch_id", batch_id),
        ("run_id", run_id),
        ("organization_id", organization_id),
    ]
    for start in range(0, imports, _STEP):
        part = (start + 1, start + _STEP)
        _copy(
            connection,
            "public.imports",
            "id",
            import_id,
            ("created_at", "updated_at"),
            names,
            part,
            number="accepted",
        )
        _copy(connection, "public.batches", "import_id", import_id, ("created_at", "updated_at"), names, part)
        for table, times in _OF_RUN:
            _copy(connection, f"dagster.{table}", "run_id", run_id, times, names, part, serial=True)
    connection.execute(
        "INSERT INTO dagster.asset_event_tags (event_id, asset_key, key, value, event_timestamp)"
        " SELECT e.id, t.asset_key, t.key, t.value, e.timestamp FROM dagster.asset_event_tags t"
        " JOIN dagster.event_logs o ON o.id = t.event_id AND o.run_id = %s"
        " JOIN dagster.event_logs e ON e.asset_key = o.asset_key AND e.dagster_event_type = o.dagster_event_type"
        " JOIN copies c ON c.run_id = e.run_id",
        [run_id],
    )
    connection.execute("UPDATE imports SET source = 'bucket' WHERE id IN (SELECT import_id FROM copies)")
    connection.execute("VACUUM ANALYZE")


def _copy(
    connection: psycopg.Connection[Any],
    table: str,
    column: str,
    value: object,
    times: tuple[str, ...],
    names: list[tuple[str, str]],
    part: tuple[int, int],
    *,
    serial: bool = False,
    number: str | None = None,
) -> None:
    """Copy the rows of a table whose ``column`` is ``value``, with the names and times of each copy."""
    text = sql.SQL("to_jsonb(t)::text")
    for name, found in names:
        text = sql.SQL("replace({}, {}, c.{})").format(text, sql.Literal(found), sql.Identifier(name))
    changed = [sql.SQL("{}, c.at").format(sql.Literal(name)) for name in times]
    if serial:
        changed.append(sql.SQL("'id', nextval(pg_get_serial_sequence({}, 'id'))").format(sql.Literal(table)))
    if number is not None:
        changed.append(sql.SQL("{}, c.n").format(sql.Literal(number)))
    connection.execute(
        sql.SQL(
            "INSERT INTO {table} SELECT r.* FROM copies c CROSS JOIN {table} t CROSS JOIN LATERAL"
            " jsonb_populate_record(NULL::{table}, {text}::jsonb || jsonb_build_object({changed})) r"
            " WHERE t.{column} = {value} AND c.n BETWEEN {first} AND {last}"
        ).format(
            table=sql.Identifier(*table.split(".")),
            text=text,
            changed=sql.SQL(", ").join(changed),
            column=sql.Identifier(column),
            value=sql.Literal(value),
            first=sql.Literal(part[0]),
            last=sql.Literal(part[1]),
        )
    )


def add_ticks(connection: psycopg.Connection[Any], count: int) -> None:
    """Add ticks of seven sensors, one a second."""
    connection.execute(
        "INSERT INTO dagster.job_ticks (job_origin_id, selector_id, status, type, timestamp, tick_body)"
        " SELECT 'origin-' || n %% 7, 'selector-' || n %% 7, 'SKIPPED', 'SENSOR', now() - make_interval(secs => n),"
        " repeat('x', 600) FROM generate_series(1, %s) n",
        [count],
    )
    connection.execute("VACUUM ANALYZE dagster.job_ticks")


def add_dropped_files(store: LocalStore, organizations: int, files: int) -> None:
    """Put so many files into the ``done`` folders of the organizations, without ``fsync``."""
    for number in range(files):
        key = f"uploads/org-{number % organizations:04}/contact/merge/done/imp_{number:026}/people.csv"
        path = store.path(key)
        path.parent.mkdir(parents=True)
        path.write_bytes(b"name,email\n")


def sizes(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Return the bytes of our tables, of Dagster's, and of its ticks, each with the indexes."""
    found = connection.execute(
        "SELECT CASE relname WHEN 'job_ticks' THEN 'ticks' ELSE schemaname END AS what,"
        " sum(pg_total_relation_size(relid))::bigint FROM pg_stat_user_tables"
        " WHERE schemaname IN ('public', 'dagster') GROUP BY 1"
    )
    return dict(found.fetchall())
