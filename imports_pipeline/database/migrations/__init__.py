"""Creates or upgrades the tables of this version by Alembic migrations."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import psycopg

#: The newest revision in ``versions/``. A test checks that both are equal.
HEAD: Final = "0027"
_LOCK: Final = 7_305_808_869_236_207_981
_PAUSE_SECONDS: Final = 0.1


def migrate(database_url: str) -> None:
    """Run the migrations that the database lacks. If several processes call this at once, only one runs them.

    Alembic is imported only if there is a migration to run, because it takes a third of a second to load.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:
        if _revision(connection) == HEAD:
            return
        # A statement that waits for the lock would be a transaction, for which `CREATE INDEX CONCURRENTLY` waits.
        while connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone() != (True,):
            time.sleep(_PAUSE_SECONDS)
        if _revision(connection) != HEAD:
            _upgrade(database_url)


def _revision(connection: psycopg.Connection) -> str | None:
    if connection.execute("SELECT to_regclass('public.alembic_version')").fetchone() == (None,):
        return None
    row = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
    return row[0] if row else None


def _upgrade(database_url: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["url"] = "postgresql+psycopg://" + database_url.split("://", 1)[1]
    command.upgrade(config, HEAD)
