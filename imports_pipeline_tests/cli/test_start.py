"""The start of a command: what `run` loads before it does anything, which is most of the time of a small import."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import sys
import imports_pipeline.cli.commands.imports, imports_pipeline.dagster_runtime.in_process_runner
import imports_pipeline.workflow.import_workflow
from imports_pipeline.filestore.opening import open_store
from imports_pipeline.settings import Settings
open_store(Settings.read())
print(*sorted({"aiohttp", "botocore", "fastapi", "phonenumbers.geodata", "s3fs", "uvicorn"} & set(sys.modules)))
"""


def test_an_import_from_a_local_folder_loads_no_client_of_s3_and_no_server() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
