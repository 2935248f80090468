"""Tells the planner what a table holds that was just filled: nothing else does before it is used next."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import sql

#: Rows looked at are 300 times this. Sizes and rough counts of distinct values are all that plans of whole tables
#: need; the default of 100 costs as much as filling the table.
_TARGET: Final = "10"


#: Fewer rows are joined in no time by any plan; and of a share below this autovacuum does not hear either.
_FEW: Final = 1000
_SHARE: Final = 0.1


def analyze(connection: psycopg.Connection[Any], table: sql.Identifier) -> None:
    """Analyze a staging table, in the caller's transaction."""
    connection.execute("SELECT set_config('default_statistics_target', %s, true)", (_TARGET,))
    connection.execute(sql.SQL("ANALYZE {}").format(table))


def analyze_changed(connection: psycopg.Connection[Any], table: sql.Identifier, changed: int) -> None:
    """Analyze a table of records of which a large share was just written; passed over while another does so.

    Autovacuum would do it within a minute or so. Until then the planner takes the rows of an organization for a
    few, and what comes next, a revert for instance, may compare each row with each.
    """
    row = connection.execute(
        "SELECT reltuples FROM pg_class WHERE oid = to_regclass(%s)", (table.as_string(connection),)
    ).fetchone()
    known = row[0] if row else 0
    if changed >= _FEW and changed >= _SHARE * known:
        connection.execute(sql.SQL("ANALYZE (SKIP_LOCKED) {}").format(table))
