"""Several ways in at once: a command's `run`, what the HTTP API has queued, and a revert keep their order."""

from __future__ import annotations

import json
import subprocess

from imports_pipeline.model.statuses import Status
from imports_pipeline_tests import forked_commands
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.journeys.faults import trigger, until
from imports_pipeline_tests.journeys.interruptions.test_order import waits

FILE = "name,external_id,notes\nAnn,E-1,{}\n"


def command(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*forked_commands.program(), *arguments, "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_run_and_a_revert_beside_what_is_queued(imports: Imports, dagster_home: dict[str, str]) -> None:
    begun = imports.completed(FILE.format("begun"))
    queued = [imports.check(imports.register(FILE.format(n), source="api")) for n in ("first", "second")]
    options = ("--resource", "contact", "--action", "merge", "--organization", imports.organization)
    hold = (
        "IF NEW.phases -> -1 ->> 'name' = 'prevalidation' THEN PERFORM pg_advisory_xact_lock(4712); END IF;"
    )
    with imports.workflow.database.connect() as holder, trigger(imports, hold, "UPDATE", "imports"):
        # Both begin while two imports are queued; the run is not accepted while its first phase is held.
        holder.execute("SELECT pg_advisory_lock(4712)")
        run = command(dagster_home, "run", str(imports.source(FILE.format("run"))), *options)
        until(lambda: waits(imports, 1) or run.poll() is not None)
        revert = command(dagster_home, "revert", begun.id)
        out, err = revert.communicate(timeout=300)
        holder.execute("SELECT pg_advisory_unlock(4712)")
    reverted = json.loads(out)
    assert reverted["status"] == "completed", err
    assert reverted["plan"]["conflict"] == 1, "the queued imports had changed the record before"
    out, err = run.communicate(timeout=300)
    done = json.loads(out)
    assert [imports.workflow.get(one.id).status for one in queued] == [Status.COMPLETED] * 2
    assert (done["status"], imports.one("Ann")["notes"]) == ("completed", "run"), err
    order = imports.query(
        "SELECT id FROM imports WHERE organization_id = %s AND written_at IS NOT NULL ORDER BY accepted",
        imports.organization,
    )
    assert [one["id"] for one in order] == [
        begun.id,
        *(one.id for one in queued),
        reverted["id"],
        done["id"],
    ]
