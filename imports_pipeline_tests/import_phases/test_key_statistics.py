"""PostgreSQL knows how many different values the keys of a file have, and plans their comparison by it."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from imports_pipeline.database.statistics import analyze
from imports_pipeline.import_phases.identity.identity_queries import OTHERS, IdentityQueries
from imports_pipeline.schemas.catalog import RESOURCES

ROWS = 5_000


@pytest.mark.parametrize("others", [False, True], ids=["all keys", "those that do not agree"])
def test_a_join_of_lower_cased_emails_is_not_taken_for_a_large_one(database_url: str, others: bool) -> None:
    contact = RESOURCES["contact"]
    queries = IdentityQueries(contact, [contact.key("external_id"), contact.key("email")])
    keys = sql.Identifier("staging", "keys_of_a_test")
    with psycopg.connect(database_url) as connection:
        connection.execute(queries.create_keys(keys))
        connection.execute(
            sql.SQL(
                "INSERT INTO {} SELECT n, 'E-' || n, 'P' || n || '@example.com' FROM generate_series(1, {}) n"
            ).format(keys, ROWS)
        )
        if others:
            connection.execute(queries.create_agreeing(keys), {"organization": "of nobody"})
            connection.execute(queries.create_others(keys))
            keys = OTHERS
        analyze(connection, keys)
        plan = connection.execute(
            sql.SQL(
                "EXPLAIN (FORMAT JSON) SELECT FROM {0} a JOIN {0} b ON lower(a.key_email) = lower(b.key_email)"
            ).format(keys)
        ).fetchone()
        connection.rollback()
    assert plan is not None
    # Without statistics each of 200 values would be expected in a two-hundredth of the rows: 125,000 pairs.
    assert plan[0][0]["Plan"]["Plan Rows"] == pytest.approx(ROWS, rel=0.2)
