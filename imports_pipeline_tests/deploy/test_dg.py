"""`dg` in the checkout, as a data engineer uses it: in a shell without our variables, and without a database."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from imports_pipeline.dagster_runtime.dagster_environment import project_root
from imports_pipeline.defs.jobs import job_names


def test_dg_lists_the_definitions_without_a_database(tmp_path: Path) -> None:
    """`make check` runs `dg check defs`, which loads the same."""
    before = {path.name for path in project_root().iterdir()}
    listed = subprocess.run(
        [Path(sys.executable).with_name("dg"), "list", "defs", "--json"],
        cwd=project_root(),
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    # The first call of a user prints a notice on telemetry.
    assert "warning" not in listed.stderr.lower()
    found = json.loads(listed.stdout)
    assert {*job_names(), "housekeeping"} <= {job["name"] for job in found["jobs"]}
    assert {"contacts", "contact_batches"} <= {asset["asset_key"] for asset in found["assets"]}
    assert {path.name for path in project_root().iterdir()} == before, "no server and no folder was made"
