"""Shows other processes how many rows of a phase are done, by the name of a connection that is open meanwhile.

A phase runs in one transaction, so what it writes to a table would be seen only at its end. A name is seen at once,
costs no write, and is gone when the process ends for whatever reason. Short phases open no connection.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg

from imports_pipeline.database.connections import Database
from imports_pipeline.model import progress
from imports_pipeline.model.phases import PHASES, Phase

# PostgreSQL cuts names after 63 bytes, so the phase is a number.
_NAME: Final = "import-rows"
_EVERY_SECONDS: Final = 1.0
# How long the end of a phase waits until the connection is closed.
_CLOSING_SECONDS: Final = 2.0


@contextmanager
def shown_progress(database: Database) -> Iterator[None]:
    """Show during the block, from its second on, what this process reports to ``model.progress``."""
    ended = threading.Event()
    reporter = threading.Thread(target=_report, args=(database, ended), name="shown-progress", daemon=True)
    reporter.start()
    try:
        yield
    finally:
        ended.set()
        reporter.join(_CLOSING_SECONDS)


def _report(database: Database, ended: threading.Event) -> None:
    if ended.wait(_EVERY_SECONDS):
        return
    # An import goes on if nobody can see how far it is.
    with suppress(psycopg.Error), database.open_unpooled(_NAME) as connection:
        shown = _NAME
        while True:
            name = _name(progress.current())
            if name != shown:
                connection.execute("SELECT set_config('application_name', %s, false)", (name,))
                shown = name
            if ended.wait(_EVERY_SECONDS):
                return


def _name(activity: progress.Activity) -> str:
    if not activity.import_id or activity.rows is None or activity.phase not in PHASES:
        return _NAME
    return f"{_NAME} {activity.import_id} {PHASES.index(Phase(activity.phase))} {activity.rows}"


def find_rows(connection: psycopg.Connection[Any], import_id: str) -> tuple[Phase, int] | None:
    """Return the phase that a process is working on and the number of rows that are done, or None if none shows it."""
    found = connection.execute(
        "SELECT application_name FROM pg_stat_activity"
        " WHERE starts_with(application_name, %s) AND datname = current_database() LIMIT 1",
        (f"{_NAME} {import_id} ",),
    ).fetchone()
    if found is None:
        return None
    *_, phase, rows = found[0].split()
    return PHASES[int(phase)], int(rows)
