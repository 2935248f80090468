#!/usr/bin/env bash
# Version: pyarrow 26.0.1, pandas 3.1.1
# Behaviour: if the import of pandas is blocked as Python documents it (None in sys.modules), the first pyarrow.array raises
#   AttributeError; if a finder raises ImportError, it works without pandas. A Series with NaN is then no text column until
#   something has been converted to pandas.
# Seen: AttributeError; [1]; ArrowTypeError; ['x', None] after to_pandas
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 pandas==3.1.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import pyarrow as pa

sys.modules["pandas"] = None
try:
    pa.array([1])
    print("works")
except AttributeError as error:
    print("None in sys.modules:", type(error).__name__, error)
else:
    raise SystemExit(1)
PYTHON
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import pyarrow as pa


class NotFound:
    @staticmethod
    def find_spec(name, *_):
        if name == "pandas":
            raise ImportError(name)


sys.meta_path.insert(0, NotFound)
print("a finder that raises ImportError:", pa.array([1]).to_pylist())
sys.meta_path.remove(NotFound)
import pandas as pd

series = pd.Series(["x", float("nan")])
try:
    pa.array(series)
    raise SystemExit(1)
except pa.ArrowTypeError as error:
    print("a Series:", type(error).__name__)
pa.array([1]).to_pandas()
print("a Series after to_pandas:", pa.array(series).to_pylist())
assert pa.array(series).to_pylist() == ["x", None]
PYTHON
