"""Tells the planner what a table that was just filled holds: nothing else does before it is used."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import sql

# Rows looked at are 300 times this. Sizes and rough counts of distinct values are all that plans of whole tables
# need; the default of 100 costs as much as filling the table.
_TARGET: Final = "10"


def analyze(connection: psycopg.Connection[Any], table: sql.Identifier) -> None:
    """Analyze a staging table, in the caller's transaction."""
    connection.execute("SELECT set_config('default_statistics_target', %s, true)", (_TARGET,))
    connection.execute(sql.SQL("ANALYZE {}").format(table))
