"""A check that Dagster loads the definitions, in the environment of a run (``make check`` runs it)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from imports_pipeline.dagster_runtime.dagster_environment import dagster_environment, project_root
from imports_pipeline.database.server_url import ServerError, database


def main() -> int:
    """Run ``dagster definitions validate`` on the workspace and return its exit status."""
    from imports_pipeline.database.migrations import migrate

    home = Path(os.environ.get("IMPORTS_HOME", ".imports"))
    try:
        with database(home) as url:
            migrate(url)
            return subprocess.run(
                [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"],
                cwd=project_root(),
                env={**os.environ, **dagster_environment(url, home)},
                check=False,
            ).returncode
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
