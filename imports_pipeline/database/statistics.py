"""Analyzes tables that were just filled. Autovacuum would do so only after they are used."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import sql

# PostgreSQL samples 300 rows times this target. Queries of whole tables need only their sizes and rough counts of
# distinct values. The default of 100 takes as long as filling the table.
_TARGET: Final = "10"


def analyze(connection: psycopg.Connection[Any], table: sql.Identifier) -> None:
    """Analyze a staging table, in the caller's transaction."""
    connection.execute("SELECT set_config('default_statistics_target', %s, true)", (_TARGET,))
    connection.execute(sql.SQL("ANALYZE {}").format(table))
