"""Finds and removes Dagster's records of runs by SQL, in the one version of Dagster's schema that it was written for.

Dagster's own way to delete a run leaves its check results behind, and would take hours for 100,000 runs. When to remove
what, and for how long, is in ``dagster_retention.py``. Connections are in autocommit mode, and each removal is one
transaction.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import psycopg

from imports_pipeline.model.statuses import FINAL

Connection = psycopg.Connection[Any]

#: The version of Dagster's schema whose tables these statements know: the newest Alembic revision of Dagster 1.13.
SCHEMA_VERSION: Final = "29b539ebc72a"
_ENDED: Final = ["SUCCESS", "FAILURE", "CANCELED"]
_FINAL: Final = [status.value for status in FINAL]
# The run tag with the id of the import (``defs/runs/tags.py``), and its name in earlier versions.
_IMPORT_ID: Final = [".dagster/imports_id", "imports/id"]
# Events that stay until the run is deleted: the pages of assets read them, and failures are worth keeping. The pages
# of checks read the table of check results, and the list of runs reads the table of runs.
KEPT_EVENTS: Final = (
    "ASSET_MATERIALIZATION",
    "ASSET_OBSERVATION",
    "ASSET_FAILED_TO_MATERIALIZE",
    "STEP_FAILURE",
    "PIPELINE_FAILURE",
    "PIPELINE_CANCELED",
)
# Tags that only the queue, the daemon and the run itself read, while the run has not ended. A page reads the tags from
# the run itself; the rows of these tags only let a person search by them.
_TAGS_OF_QUEUE: Final = (
    "dagster/max_retries",
    "dagster/max_runtime",
    "dagster/priority",
    ".dagster/imports_arrival",
    ".dagster/imports_in_process",
    ".dagster/imports_organization",
    ".dagster/imports_process",
    ".dagster/imports_size",
    ".dagster/imports_sync",
    ".dagster/imports_write_lock",
    # The names in earlier versions.
    "imports/process",
    "imports/write_lock",
)
_PARENT: Final = re.compile(rb'"parent_snapshot_id": "([0-9a-f]+)"')

#: An asset and the name of one of its checks.
Check = tuple[str, str]


@dataclass(frozen=True)
class Run:
    """A run that is old enough; ``due`` is False if it must stay as it is."""

    id: int
    run_id: str
    due: bool


@dataclass(frozen=True)
class RunCounts:
    """The counts of runs and of what belongs to them."""

    runs: int
    events: int
    checks: int


def refusal(connection: Connection) -> str | None:
    """Return why nothing may be removed, or None."""
    if not _one(connection, "SELECT to_regclass('dagster.alembic_version') IS NOT NULL"):
        return "Dagster has no tables yet."
    versions = connection.execute("SELECT version_num FROM dagster.alembic_version").fetchall()
    if versions == [(SCHEMA_VERSION,)]:
        return None
    found = ", ".join(version for (version,) in versions) or "none"
    return (
        f"Nothing was removed: Dagster's schema has the version {found}, and this version of imports-pipeline knows"
        f" {SCHEMA_VERSION}. Run `imports-pipeline migrate`, or upgrade imports-pipeline."
    )


def checks(connection: Connection) -> list[Check]:
    """Return the checks that have a result."""
    return connection.execute(
        "SELECT DISTINCT asset_key, check_name FROM dagster.asset_check_executions"
    ).fetchall()


def protected(connection: Connection, of: list[Check]) -> list[str]:
    """Return the runs of the last event of each asset, of each kind, and of the last result of each check."""
    found = connection.execute(
        """
        SELECT last_run_id FROM dagster.asset_keys
        UNION
        SELECT e.run_id FROM dagster.asset_keys k
        CROSS JOIN unnest(ARRAY['ASSET_MATERIALIZATION', 'ASSET_OBSERVATION', 'ASSET_MATERIALIZATION_PLANNED',
                                'ASSET_FAILED_TO_MATERIALIZE']) kind
        CROSS JOIN LATERAL (
            SELECT run_id FROM dagster.event_logs
            WHERE asset_key = k.asset_key AND dagster_event_type = kind ORDER BY id DESC LIMIT 1) e
        UNION
        SELECT e.run_id
        FROM unnest(%s::text[], %s::text[]) c (asset_key, check_name)
        CROSS JOIN (VALUES (ARRAY['SUCCEEDED', 'FAILED']), (ARRAY['SUCCEEDED', 'FAILED', 'PLANNED'])) s (statuses)
        CROSS JOIN LATERAL (
            SELECT run_id FROM dagster.asset_check_executions
            WHERE asset_key = c.asset_key AND check_name = c.check_name AND execution_status = ANY(s.statuses)
            ORDER BY id DESC LIMIT 1) e
        """,
        _keys(of),
    ).fetchall()
    return [run_id for (run_id,) in found if run_id]


def batches(
    connection: Connection, protected: list[str], days: int, after: int, batch: int
) -> Iterator[list[Run]]:
    """Yield the runs that were created more than ``days`` ago and behind the id ``after``, in the order of ids."""
    while True:
        rows = connection.execute(
            """
            WITH old AS (
                SELECT id, run_id, status, update_timestamp FROM dagster.runs
                WHERE id > %(after)s AND create_timestamp < timezone('utc', now()) - %(age)s::interval
                ORDER BY id LIMIT %(batch)s
            )
            SELECT id, run_id,
                   status = ANY(%(ended)s)
               AND update_timestamp < timezone('utc', now()) - %(age)s::interval
               AND run_id <> ALL(%(protected)s)
               AND NOT EXISTS (
                   SELECT FROM imports i WHERE i.run_id = old.run_id AND i.status <> ALL(%(final)s))
               AND NOT EXISTS (
                   SELECT FROM dagster.run_tags t JOIN imports i ON i.id = t.value
                   WHERE t.run_id = old.run_id AND t.key = ANY(%(import_id)s) AND i.status <> ALL(%(final)s))
               AND NOT EXISTS (
                   SELECT FROM dagster.run_tags t JOIN dagster.runs r ON r.run_id = t.run_id
                   WHERE t.key IN ('dagster/parent_run_id', 'dagster/root_run_id') AND t.value = old.run_id
                     AND r.status <> ALL(%(ended)s))
            FROM old ORDER BY id
            """,
            {
                "after": after,
                "age": timedelta(days=days),
                "batch": batch,
                "ended": _ENDED,
                "final": _FINAL,
                "import_id": _IMPORT_ID,
                "protected": protected,
            },
        ).fetchall()
        if not rows:
            return
        after = rows[-1][0]
        yield [Run(*row) for row in rows]


# Dagster's index on the check results begins with the asset and the check.
_RESULTS: Final = (
    "FROM unnest(%s::text[], %s::text[]) c (asset_key, check_name)"
    " JOIN dagster.asset_check_executions e USING (asset_key, check_name) WHERE e.run_id = ANY(%s)"
)


def count_runs(connection: Connection, due: list[str], of: list[Check]) -> RunCounts:
    """Count what ``remove_runs`` would remove."""
    events = _one(connection, "SELECT count(*) FROM dagster.event_logs WHERE run_id = ANY(%s)", due)
    return RunCounts(len(due), events, _one(connection, f"SELECT count(*) {_RESULTS}", *_keys(of), due))


def remove_runs(connection: Connection, due: list[str], of: list[Check]) -> RunCounts:
    """Remove runs with everything that belongs to them."""
    with connection.transaction():
        _remove_asset_tags(connection, due)
        events = _count(connection, "DELETE FROM dagster.event_logs WHERE run_id = ANY(%s)", due)
        results = _count(
            connection,
            f"DELETE FROM dagster.asset_check_executions WHERE id IN (SELECT e.id {_RESULTS})",
            *_keys(of),
            due,
        )
        # The tags of a run are deleted by a foreign key.
        removed = _count(connection, "DELETE FROM dagster.runs WHERE run_id = ANY(%s)", due)
        _add_removed_events(connection, events)
    return RunCounts(removed, events, results)


_REMOVABLE: Final = (
    "FROM dagster.event_logs WHERE run_id = ANY(%s) AND"
    " (dagster_event_type IS NULL OR dagster_event_type <> ALL(%s))"
)


def count_events(connection: Connection, due: list[str]) -> int:
    """Count the events that ``remove_events`` would remove."""
    return int(_one(connection, f"SELECT count(*) {_REMOVABLE}", due, list(KEPT_EVENTS)))


def remove_events(connection: Connection, due: list[str], position: int) -> int:
    """Remove events and tags of runs that stay, and record that this is done for the runs up to the id ``position``.

    Return the number of events. A run among them that is not due now keeps its events until it is deleted as a whole.
    """
    with connection.transaction():
        events = _count(connection, f"DELETE {_REMOVABLE}", due, list(KEPT_EVENTS))
        _remove_asset_tags(connection, due)
        _count(
            connection,
            "DELETE FROM dagster.run_tags WHERE run_id = ANY(%s) AND key = ANY(%s)",
            due,
            list(_TAGS_OF_QUEUE),
        )
        record(connection, "run_events", position)
        _add_removed_events(connection, events)
    return events


def _remove_asset_tags(connection: Connection, due: list[str]) -> None:
    """Remove the rows of the data versions. Only those of the last materializations are ever searched for."""
    _count(
        connection,
        "DELETE FROM dagster.asset_event_tags WHERE event_id IN"
        " (SELECT id FROM dagster.event_logs WHERE run_id = ANY(%s) AND asset_key IS NOT NULL)",
        due,
    )


def remove_snapshots(connection: Connection) -> int:
    """Remove the snapshots of jobs and plans that no run refers to, and no snapshot of a run. Return their number.

    Snapshots that are added meanwhile stay: the run that refers to one is recorded after it.
    """
    newest = _one(connection, "SELECT coalesce(max(id), 0) FROM dagster.snapshots")
    used = {
        snapshot_id
        for row in connection.execute(
            'SELECT DISTINCT snapshot_id, substring(run_body FROM \'"execution_plan_snapshot_id": "([0-9a-f]+)"\')'
            " FROM dagster.runs"
        )
        for snapshot_id in row
        if snapshot_id
    }
    bodies = connection.execute(
        "SELECT snapshot_body FROM dagster.snapshots WHERE snapshot_id = ANY(%s)", [list(used)]
    )
    for (body,) in bodies:
        used |= {parent.decode() for parent in _PARENT.findall(zlib.decompress(body))}
    return _count(
        connection,
        "DELETE FROM dagster.snapshots WHERE snapshot_id <> ALL(%s) AND id <= %s",
        list(used),
        newest,
    )


def position(connection: Connection, name: str) -> int:
    """Return a recorded number: the id of the last run whose events were removed (``run_events``), for example."""
    return int(_one(connection, "SELECT max(position) FROM retention_progress WHERE name = %s", name) or 0)


def record(connection: Connection, name: str, position: int) -> None:
    """Record a number for the next call."""
    connection.execute(
        "INSERT INTO retention_progress (name, position) VALUES (%s, %s)"
        " ON CONFLICT (name) DO UPDATE SET position = excluded.position",
        (name, position),
    )


def removed_events(connection: Connection) -> tuple[int, str]:
    """Return the events removed since the last rebuild of indexes, and the last index of an unfinished one."""
    row = connection.execute(
        "SELECT position, place FROM retention_progress WHERE name = 'indexes'"
    ).fetchone()
    return (int(row[0]), str(row[1])) if row else (0, "")


def _add_removed_events(connection: Connection, count: int) -> None:
    """Count removed events, in the transaction that removes them."""
    connection.execute(
        "INSERT INTO retention_progress AS p (name, position) VALUES ('indexes', %s)"
        " ON CONFLICT (name) DO UPDATE SET position = p.position + excluded.position",
        (count,),
    )


def record_rebuilt(connection: Connection, index: str = "") -> None:
    """Record that an index was rebuilt; without ``index``, that all were, and count removed events from 0 again."""
    connection.execute(
        "UPDATE retention_progress SET place = %(index)s, position = CASE WHEN %(index)s = '' THEN 0 ELSE position END"
        " WHERE name = 'indexes'",
        {"index": index},
    )


def _keys(of: list[Check]) -> tuple[list[str], list[str]]:
    return [asset for asset, _ in of], [name for _, name in of]


def _one(connection: Connection, statement: str, *parameters: object) -> Any:
    row = connection.execute(statement, parameters).fetchone()
    return row[0] if row else None


def _count(connection: Connection, statement: str, *parameters: object) -> int:
    return connection.execute(statement, parameters).rowcount
