#!/usr/bin/env bash
# Version: pyarrow 26.0.1, pandas 3.1.1
# Behaviour: pyarrow.array of a list of texts imports pandas if it is installed, although nothing of pandas is given to it.
# Seen: pandas is not imported after `import pyarrow`, and is after pyarrow.array(["a"])
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 pandas==3.1.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import pyarrow as pa

before = "pandas" in sys.modules
pa.array(["a"])
after = "pandas" in sys.modules
print(pa.__version__, "pandas imported before:", before, "after:", after)
assert (before, after) == (False, True)
PYTHON
