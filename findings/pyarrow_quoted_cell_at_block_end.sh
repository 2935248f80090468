#!/usr/bin/env bash
# Version: pyarrow 26.0.1
# Behaviour: csv.read_csv without newlines_in_values cuts a quoted cell of two lines that spans the end of a block into
#   cells of two rows, without an error; the same file is read rightly in one block, or with newlines_in_values.
# Seen: 6 records are read as 7 rows; row 4 has the note 'a\\n' instead of 'a\\nb,c', and a row ['b', 'c"'] is new
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import io

import pyarrow as pa
import pyarrow.csv as csv

FILE = b'0,"xx"\n1,"xxxx"\n2,"a\nb"\n3,"a\nb"\n4,"a\nb,c"\n5,"a\nb"\n'


def rows(block_size: int, newlines_in_values: bool) -> list[list[str]]:
    table = csv.read_csv(
        io.BytesIO(FILE),
        read_options=csv.ReadOptions(column_names=["id", "note"], block_size=block_size),
        parse_options=csv.ParseOptions(newlines_in_values=newlines_in_values),
        convert_options=csv.ConvertOptions(column_types={"id": pa.string(), "note": pa.string()}),
    )
    return [list(row.values()) for row in table.to_pylist()]


right = rows(1000, True)
print(pa.__version__, "one block, newlines_in_values:", right)
print("blocks of 36 bytes, newlines_in_values:", rows(36, True) == right)
print("blocks of 36 bytes:", rows(36, False))
assert rows(36, True) == right and len(right) == 6
assert rows(36, False)[4:6] == [["4", "a\n"], ["b", 'c"']] and len(rows(36, False)) == 7
PYTHON
