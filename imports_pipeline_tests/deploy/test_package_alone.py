"""The package without the checkout around it, as a wheel installs it: `make wheel` builds and runs a real one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from imports_pipeline.dagster_runtime.dagster_environment import project_root

_MAIN = "from imports_pipeline.cli import main; main()"


def test_the_package_has_a_copy_of_the_workspace() -> None:
    copy = project_root() / "imports_pipeline" / "dagster_runtime" / "instance" / "workspace.yaml"
    assert copy.read_text() == (project_root() / "workspace.yaml").read_text(), (
        "copy the file of the checkout"
    )


def test_an_import_in_an_empty_folder(database_url: str, tmp_path: Path) -> None:
    package = tmp_path / "site" / "imports_pipeline"
    shutil.copytree(
        project_root() / "imports_pipeline", package, ignore=shutil.ignore_patterns("__pycache__")
    )
    work = tmp_path / "work"
    work.mkdir()
    (work / "people.csv").write_text("name,email\nAnn Lee,ann@example.org\n")
    arguments = ["run", "people.csv", "--resource", "contact", "--action", "merge", "--json"]
    # Other tests of this process may have named a folder, or Dagster's.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("IMPORTS_", "DAGSTER_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", _MAIN, *arguments],
        cwd=work,
        env={**environment, "PYTHONPATH": str(package.parent), "DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    import_ = json.loads(done.stdout)
    assert (import_["status"], import_["stats"]["created"]) == ("completed", 1)
    assert (work / ".imports").is_dir(), "the import's folder is in the working directory"
