"""Builds the history of a busy year in a database: copies of one real import with all that Dagster recorded of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from imports_pipeline.filestore.local import LocalStore

#: Imports that are copied at once.
_STEP = 2000
#: More than an import has in any table of Dagster.
_ROWS = 1000
# Dagster's tables that hold rows of a run, and the column with the time of a row.
_OF_RUN = (
    ("runs", ("create_timestamp", "update_timestamp")),
    ("run_tags", ()),
    ("event_logs", ("timestamp",)),
    ("asset_check_executions", ("create_timestamp", "evaluation_event_timestamp")),
)


def build(
    connection: psycopg.Connection[Any],
    templates: Sequence[str],
    *,
    imports: int,
    organizations: int,
    days: int = 365,
    night: Callable[[float], None] | None = None,
    between: int = _STEP,
    first: int = 1,
) -> None:
    """Copy imports with their batches and runs, in turn, until there are ``imports`` copies over the last ``days``.

    Args:
        connection: a connection in autocommit mode
        templates: completed imports; the name of their organization must not occur in other texts
        imports: the number of copies
        organizations: the number of organizations that the copies belong to
        days: the age of the oldest copy
        night: called after each ``between`` copies with the age in days of the newest one, as if it were that day
        first: the number of the first copy, which is part of the names; larger than those of an earlier call
    """
    connection.execute(
        "CREATE TEMP TABLE copies AS SELECT n, 'imp_' || lpad(n::text, 26, '0') AS import_id,"
        " 'btch_' || lpad(n::text, 26, '0') AS batch_id,"
        " ARRAY[gen_random_uuid()::text, gen_random_uuid()::text] AS run_ids,"
        " 'org-' || lpad((n %% %(organizations)s)::text, 4, '0') AS organization_id,"
        " now() - %(age)s::interval * (1 - (n - %(first)s + 1)::float / %(imports)s) AS at"
        " FROM generate_series(%(first)s, %(first)s + %(imports)s - 1) n",
        {"organizations": organizations, "imports": imports, "age": timedelta(days=days), "first": first},
    )
    connection.execute("CREATE INDEX ON copies (n)")
    connection.execute("ANALYZE copies")
    copied = [_Template.read(connection, import_id) for import_id in templates]
    for start in range(0, imports, between):
        last = min(start + between, imports)
        for turn, template in enumerate(copied):
            template.copy(connection, first + start, first + last - 1, (len(copied), turn))
        if night is not None:
            night(days * (1 - last / imports))
    # Otherwise the next imports would be older than the copies, and the newest write wins.
    connection.execute(
        "INSERT INTO acceptances SELECT organization_id, resource, max(accepted) FROM imports"
        " WHERE accepted IS NOT NULL GROUP BY organization_id, resource"
        " ON CONFLICT (organization_id, resource) DO UPDATE SET last = excluded.last"
    )
    connection.execute("DROP TABLE copies")
    connection.execute("VACUUM ANALYZE")


@dataclass(frozen=True)
class _Template:
    """An import that is copied, and its runs."""

    import_id: str
    organization_id: str
    batch_id: str
    run_ids: list[str]

    @classmethod
    def read(cls, connection: psycopg.Connection[Any], import_id: str) -> _Template:
        row = connection.execute(
            "SELECT organization_id, batch_id, ARRAY(SELECT run_id FROM dagster.run_tags"
            " WHERE key = '.dagster/imports_id' AND value = imports.id ORDER BY id) FROM imports WHERE id = %s",
            [import_id],
        ).fetchone()
        assert row is not None
        return cls(import_id, *row)

    def copy(self, connection: psycopg.Connection[Any], first: int, last: int, turn: tuple[int, int]) -> None:
        """Make the copies from ``first`` to ``last`` whose number has this remainder: ``(divisor, remainder)``."""
        part = sql.SQL("c.n BETWEEN {} AND {} AND c.n % {} = {}").format(first, last, *turn)
        ours = partial(self._copy, connection, part, times=("created_at", "updated_at"))
        ours(table="public.imports", column="id", value=self.import_id, number="accepted")
        ours(table="public.batches", column="import_id", value=self.import_id)
        for run, run_id in enumerate(self.run_ids, start=1):
            for table, times in _OF_RUN:
                self._copy(connection, part, f"dagster.{table}", "run_id", run_id, times, serial=True)
            connection.execute(
                sql.SQL(
                    "INSERT INTO dagster.asset_event_tags (event_id, asset_key, key, value, event_timestamp)"
                    " SELECT e.id, t.asset_key, t.key, t.value, e.timestamp FROM copies c"
                    " JOIN dagster.event_logs e ON e.run_id = c.run_ids[{run}] AND e.asset_key IS NOT NULL"
                    " JOIN dagster.event_logs o ON o.run_id = {run_id} AND e.asset_key = o.asset_key"
                    " AND e.dagster_event_type = o.dagster_event_type"
                    " JOIN dagster.asset_event_tags t ON t.event_id = o.id WHERE {part}"
                ).format(run=run, run_id=run_id, part=part)
            )

    def _copy(
        self,
        connection: psycopg.Connection[Any],
        part: sql.Composable,
        table: str,
        column: str,
        value: str,
        times: tuple[str, ...],
        *,
        serial: bool = False,
        number: str | None = None,
    ) -> None:
        """Copy the rows of a table whose ``column`` is ``value``, with the names and times of each copy."""
        text = sql.SQL("to_jsonb(t)::text")
        names = [
            (self.import_id, "c.import_id"),
            (self.batch_id, "c.batch_id"),
            (self.organization_id, "c.organization_id"),
            *((run_id, f"c.run_ids[{run}]") for run, run_id in enumerate(self.run_ids, start=1)),
        ]
        for name, copied in names:
            text = sql.SQL("replace({}, {}, {})").format(text, name, sql.SQL(copied))
        if serial:
            # Pages show the time that is in the event.
            text = sql.SQL("regexp_replace({}, {}, {} || extract(epoch FROM c.at), 'g')").format(
                text, r'(\\"timestamp\\": )[0-9.]+', r"\1"
            )
        changed = [sql.SQL("{}, c.at").format(name) for name in times]
        if serial:
            # In the order of time, whichever template a copy is of.
            first = connection.execute(
                sql.SQL("SELECT min(id) FROM {} WHERE run_id = ANY(%s)").format(
                    sql.Identifier(*table.split("."))
                ),
                [self.run_ids],
            ).fetchone()
            assert first is not None
            changed.append(sql.SQL("'id', {} * c.n::bigint + t.id - {}").format(_ROWS, first[0]))
        if number is not None:
            changed.append(sql.SQL("{}, c.n, 'source', 'bucket'").format(number))
        connection.execute(
            sql.SQL(
                "INSERT INTO {table} SELECT r.* FROM copies c CROSS JOIN {table} t CROSS JOIN LATERAL"
                " jsonb_populate_record(NULL::{table}, {text}::jsonb || jsonb_build_object({changed})) r"
                " WHERE t.{column} = {value} AND {part} ORDER BY {order}"
            ).format(
                table=sql.Identifier(*table.split(".")),
                text=text,
                changed=sql.SQL(", ").join(changed),
                column=sql.Identifier(column),
                value=value,
                part=part,
                # The rows of one run after the other, as in use.
                order=sql.SQL("c.n, t.id") if serial else sql.SQL("c.n"),
            )
        )
        if serial:
            connection.execute(
                sql.SQL("SELECT setval(pg_get_serial_sequence({table}, 'id'), max(id)) FROM {name}").format(
                    table=table, name=sql.Identifier(*table.split("."))
                )
            )


def add_ticks(connection: psycopg.Connection[Any], count: int) -> None:
    """Add older copies of the ticks that there are, one a second; of seven sensors if there are none."""
    connection.execute(
        "INSERT INTO dagster.job_ticks (job_origin_id, selector_id, status, type, timestamp, tick_body)"
        " WITH ended AS (SELECT * FROM dagster.job_ticks WHERE status <> 'STARTED'),"
        " model AS (SELECT job_origin_id, selector_id, status, type, tick_body FROM ended UNION ALL"
        "  SELECT 'origin-' || n, 'selector-' || n, 'SKIPPED', 'SENSOR', repeat('x', 600) FROM generate_series(0, 6) n"
        "  WHERE NOT EXISTS (SELECT FROM ended)),"
        " numbered AS (SELECT row_number() OVER () AS number, count(*) OVER () AS models, * FROM model)"
        " SELECT job_origin_id, selector_id, status, type, now() - make_interval(secs => n), tick_body"
        " FROM generate_series(1, %s) n JOIN numbered ON number = n %% models + 1",
        [count],
    )
    connection.execute("VACUUM ANALYZE dagster.job_ticks")


def add_dropped_files(store: LocalStore, organizations: int, files: int, first: int = 0) -> None:
    """Put so many files into the ``done`` folders of the organizations, without ``fsync``."""
    for number in range(first, first + files):
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
