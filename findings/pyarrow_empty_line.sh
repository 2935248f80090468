#!/usr/bin/env bash
# Version: pyarrow 26.0.1
# Behaviour: with ignore_empty_lines=False, pyarrow.csv reads an empty line of a file of several columns as a full row
#   of empty cells; no error says that the line had too few cells.
# Seen: rows [['1', '2'], ['', ''], ['3', '4']] from "1,2", an empty line and "3,4"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import io
import pyarrow as pa
import pyarrow.csv as csv

table = csv.read_csv(
    io.BytesIO(b"1,2\n\n3,4\n"),
    read_options=csv.ReadOptions(column_names=["a", "b"]),
    parse_options=csv.ParseOptions(ignore_empty_lines=False),
    convert_options=csv.ConvertOptions(column_types={"a": pa.string(), "b": pa.string()}),
)
rows = [list(row.values()) for row in table.to_pylist()]
print(pa.__version__, rows)
assert rows == [["1", "2"], ["", ""], ["3", "4"]]
PYTHON
