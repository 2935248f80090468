#!/usr/bin/env bash
# Version: pandera 0.35.0 with pandas 3.1.1
# Behaviour: a column that is unique and nullable fails for two nulls, but failure_cases has no row for them. So
#   drop_invalid_rows, which drops the rows of failure_cases, returns the frame as it was and raises nothing.
# Seen: validate raises with 0 failure cases; with drop_invalid_rows all 3 rows stay, two of them null
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandera==0.35.0 pandas==3.1.1
"$folder/venv/bin/python" - <<'PYTHON'
import pandas
import pandera.pandas as pandera

frame = pandas.DataFrame({"email": [None, None, "ann@example.org"]})
column = pandera.Column("str", nullable=True, unique=True)
try:
    pandera.DataFrameSchema({"email": column}).validate(frame, lazy=True)
except pandera.errors.SchemaErrors as errors:
    cases = errors.failure_cases
dropped = pandera.DataFrameSchema({"email": column}, drop_invalid_rows=True).validate(frame, lazy=True)
print(pandas.__version__, "failure cases:", len(cases), "rows after drop_invalid_rows:", len(dropped))
assert len(cases) == 0 and len(dropped) == 3
PYTHON
