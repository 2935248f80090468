"""PostgreSQL knows how many different emails a file has, and plans their comparison by it."""

from __future__ import annotations

from typing import Any

import psycopg
import pyarrow as pa
import pytest
from psycopg import sql

from imports_pipeline.database.statistics import analyze
from imports_pipeline.import_phases.identity.identity_queries import OTHERS, IdentityQueries
from imports_pipeline.import_phases.reference_resolution import References
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
        pairs = expected_pairs(connection, keys, "key_email")
        connection.rollback()
    assert pairs == pytest.approx(ROWS, rel=0.2)


def test_references_by_email_are_counted_too(database_url: str) -> None:
    references = References("contact")
    references.want(pa.array([f"P{n}@example.com" for n in range(ROWS)]))
    with psycopg.connect(database_url) as connection:
        references.resolve(connection, "of nobody")
        pairs = expected_pairs(connection, sql.Identifier("wanted_references"), "first")
        connection.rollback()
    assert pairs == pytest.approx(ROWS, rel=0.2)


def expected_pairs(connection: psycopg.Connection[Any], table: sql.Identifier, column: str) -> int:
    """Return the number of pairs of equal emails that PostgreSQL expects.

    Without statistics it expects each of 200 values in a two-hundredth of the rows: 125,000 pairs.
    """
    plan = connection.execute(
        sql.SQL("EXPLAIN (FORMAT JSON) SELECT FROM {0} a JOIN {0} b ON lower(a.{1}) = lower(b.{1})").format(
            table, sql.Identifier(column)
        )
    ).fetchone()
    assert plan is not None
    return int(plan[0][0]["Plan"]["Plan Rows"])
