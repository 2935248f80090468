"""A process that runs an import and kills itself at the n-th statement, as the kernel does when memory is short."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import psycopg

from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.overwrite.crashes.fault_points import Tap, TappedDatabase
from imports_pipeline_tests.overwrite.crashes.stories import STORIES


def kill_myself(connection: psycopg.Connection[Any]) -> None:
    """End this process at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(url: str, files: str, name: str, import_id: str, part: str, at: str) -> None:
    """Run ``check`` or ``write`` of the import of a story until statement ``at``."""
    root = Path(files)
    story = STORIES[name]
    workflow = ImportWorkflow(
        TappedDatabase(url, tap := Tap()),
        LocalStore(root),
        Settings(home=root),
        large_writes=story.large_writes,
    )
    import_ = workflow.get(import_id)
    tap.arm(int(at), kill_myself)
    (story.check if part == "check" else story.write)(workflow, import_)


if __name__ == "__main__":
    main(*sys.argv[1:])
