#!/usr/bin/env bash
# Version: pyarrow 26.0.1
# Behaviour: extract_regex gives null for a text that does not match, but .field() of that result is an empty text, as it
#   leaves out which structs are null; compute.struct_field of the same result is null.
# Seen: .field('digit') is ['1', '', ''] where struct_field is ['1', None, None]
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import pyarrow as pa
import pyarrow.compute as pc

found = pc.extract_regex(pa.array(["a1", "b", None]), r"(?P<letter>[a-z])(?P<digit>\d)")
by_field, by_function = found.field("digit").to_pylist(), pc.struct_field(found, "digit").to_pylist()
print(pa.__version__, "is_valid:", found.is_valid().to_pylist(), "field():", by_field, "struct_field:", by_function)
assert by_field == ["1", "", ""] and by_function == ["1", None, None]
PYTHON
