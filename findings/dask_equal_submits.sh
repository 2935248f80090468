#!/usr/bin/env bash
# Version: distributed 2026.8.0
# Behaviour: Client.get_executor() runs equal calls of submit once and gives all of them the first one's result, which an
#   Executor of concurrent.futures does not; get_executor(pure=False) runs each.
# Seen: 4 equal calls of a function that draws a number give 1 number, with pure=False 4, with threads 4
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dask==2026.8.0 distributed==2026.8.0
"$folder/venv/bin/python" - <<'PYTHON'
import random
from concurrent.futures import Executor, ThreadPoolExecutor

import distributed


def draw(_: int) -> float:
    return random.random()


def drawn(executor: Executor) -> int:
    return len({future.result() for future in [executor.submit(draw, 1) for _ in range(4)]})


with distributed.Client(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as client:
    usual, impure = drawn(client.get_executor()), drawn(client.get_executor(pure=False))
with ThreadPoolExecutor(1) as threads:
    plain = drawn(threads)
print(distributed.__version__, "usual:", usual, "pure=False:", impure, "threads:", plain)
assert (usual, impure, plain) == (1, 4, 4)
PYTHON
