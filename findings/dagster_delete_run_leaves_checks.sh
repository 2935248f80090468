#!/usr/bin/env bash
# Version: Dagster 1.13.27
# Behaviour: deleting a run (DagsterInstance.delete_run, `dagster run delete`) deletes its events and tags, and leaves the
#   results of its asset checks in asset_check_executions, whose event is gone.
# Seen: after a run with one check and its deletion: 0 runs, 0 events, 1 row of asset_check_executions
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dagster==1.13.27
export DAGSTER_HOME="$folder/home"; mkdir "$DAGSTER_HOME"
export DAGSTER_DISABLE_TELEMETRY=yes
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON' 2>/dev/null
import sqlite3
from pathlib import Path

import dagster as dg


@dg.asset
def people() -> None: ...


@dg.asset_check(asset=people)
def plausible() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def count(instance: dg.DagsterInstance, table: str) -> int:
    found = 0
    for file in Path(instance.root_directory).rglob("*.db"):
        with sqlite3.connect(file) as connection:
            names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if table in names:
                found += connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return found


instance = dg.DagsterInstance.get()
result = dg.materialize([people, plausible], instance=instance)
before = {table: count(instance, table) for table in ("runs", "asset_check_executions")}
instance.delete_run(result.run_id)
after = {table: count(instance, table) for table in ("runs", "asset_check_executions")}
print(dg.__version__, "before:", before, "after:", after)
assert before == {"runs": 1, "asset_check_executions": 1}
assert after == {"runs": 0, "asset_check_executions": 1}
PYTHON
