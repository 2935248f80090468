#!/usr/bin/env bash
# Version: dagster 1.13.27
# Behaviour: a sensor that returns SensorResult(cursor="") keeps the cursor it had: an empty text counts as no cursor, so
#   a sensor can't begin again by returning one.
# Seen: the first three ticks see the cursors None, 'a', 'a' when the first two return 'a' and ''
set -euo pipefail
folder=$(mktemp -d); daemon=; trap '[ -z "$daemon" ] || kill "$daemon"; wait; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dagster==1.13.27
export DAGSTER_HOME="$folder/home" SEEN="$folder/seen.txt" DAGSTER_DISABLE_TELEMETRY=yes
mkdir "$DAGSTER_HOME"; touch "$DAGSTER_HOME/dagster.yaml" "$SEEN"
cat > "$folder/definitions.py" <<'PYTHON'
import os
from pathlib import Path

import dagster


@dagster.job
def job(): ...


@dagster.sensor(job=job, minimum_interval_seconds=1, default_status=dagster.DefaultSensorStatus.RUNNING)
def watcher(context):
    seen = Path(os.environ["SEEN"])
    ticks = seen.read_text().splitlines()
    seen.write_text("\n".join([*ticks, repr(context.cursor)]) + "\n")
    return dagster.SensorResult(cursor="a" if not ticks else "")


definitions = dagster.Definitions(jobs=[job], sensors=[watcher])
PYTHON
cd "$folder"
"$folder/venv/bin/dagster-daemon" run -f definitions.py > daemon.log 2>&1 & daemon=$!
for _ in $(seq 300); do [ "$(wc -l < "$SEEN")" -lt 3 ] || break; sleep 1; done
echo "cursors seen by the ticks:" $(head -3 "$SEEN")
[ "$(head -3 "$SEEN" | tr '\n' ' ')" = "None 'a' 'a' " ] || { tail -20 daemon.log; exit 1; }
