#!/usr/bin/env bash
# Version: pandera 0.35.0 with pandas 3.1.1 and pyarrow 26.0.1
# Behaviour: Check.str_matches judges the same text by Python's re in a column of pandas' str, and by RE2 in one of
#   ArrowDtype(string): \\d and \\w are of any script or of ASCII alone, $ does or does not pass a line end behind it.
# Seen: '١٢٣' matches ^\\d+$ and 'abc\\n' matches ^abc$ as str; neither does as ArrowDtype
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandera==0.35.0 pandas==3.1.1 pyarrow==26.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import pandas
import pandera.pandas as pandera
import pyarrow

CASES = ((r"^\d+$", "١٢٣"), (r"^\w+$", "é"), (r"^abc$", "abc\n"))


def matches(pattern: str, text: str, dtype: object) -> bool:
    values = pandas.Series([text], dtype=dtype)
    return bool(pandera.Check.str_matches(pattern)(values).check_output.all())


for pattern, text in CASES:
    as_str = matches(pattern, text, "str")
    as_arrow = matches(pattern, text, pandas.ArrowDtype(pyarrow.string()))
    print(repr(text), pattern, "str:", as_str, "ArrowDtype:", as_arrow)
    assert as_str and not as_arrow
PYTHON
