#!/usr/bin/env bash
# Version: pytest-xdist 3.8.0, pytest 9.2.0
# Behaviour: the marker xdist_group has no effect with pytest 9.2, without an error or a warning: tests of one group run in
#   several workers. pytest-xdist adds the group to Item._nodeid, and pytest 9.2 no longer reads that attribute.
# Seen: eight tests of one group run in two workers with pytest 9.2.0, and in one with pytest before 9.2
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
cat >"$folder/test_group.py" <<'PYTHON'
import os
import time

import pytest

pytestmark = pytest.mark.xdist_group("one")


@pytest.mark.parametrize("number", range(8))
def test_worker(number, request):
    time.sleep(0.3)
    with open(os.environ["WORKERS"], "a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\n")
PYTHON
workers() { # the number of workers that ran a test
	"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "$1" pytest-xdist==3.8.0
	rm -f "$folder/workers"
	WORKERS=$folder/workers "$folder/venv/bin/python" -m pytest -q -n 2 --dist loadgroup -p no:cacheprovider "$folder/test_group.py" >&2
	sort -u "$folder/workers" | wc -l
}
new=$(workers pytest==9.2.0)
old=$(workers 'pytest<9.2')
echo "workers with pytest 9.2.0: $new, with pytest before it: $old"
[ "$new" = 2 ] && [ "$old" = 1 ]
