#!/usr/bin/env bash
# Version: Dagster 1.13.27
# Behaviour: metadata that an asset returns (MaterializeResult, add_output_metadata) is stored in two events of its run, the
#   step's output and the materialization. Metadata by AssetExecutionContext.add_asset_metadata is stored in one.
# Seen: returned: STEP_OUTPUT and ASSET_MATERIALIZATION; added: ASSET_MATERIALIZATION
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dagster==1.13.27
export DAGSTER_DISABLE_TELEMETRY=yes
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON' 2>/dev/null
import dagster as dg


@dg.asset
def returned() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"note": "a note of the returned result"})


@dg.asset
def added(context: dg.AssetExecutionContext) -> None:
    context.add_asset_metadata({"note": "a note that was added"})


with dg.DagsterInstance.ephemeral() as instance:
    run = dg.materialize([returned, added], instance=instance)
    found = {"returned": set(), "added": set()}
    for entry in instance.all_logs(run.run_id):
        text = dg.serialize_value(entry)
        if "a note of the returned result" in text:
            found["returned"].add(entry.dagster_event.event_type_value)
        if "a note that was added" in text:
            found["added"].add(entry.dagster_event.event_type_value)
print(dg.__version__, {name: sorted(kinds) for name, kinds in found.items()})
assert found["returned"] == {"STEP_OUTPUT", "ASSET_MATERIALIZATION"}
assert found["added"] == {"ASSET_MATERIALIZATION"}
PYTHON
