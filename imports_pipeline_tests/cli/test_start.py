"""Start and end of a command: what `run` loads before it does anything, which is most of a small import's time."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import sys
import imports_pipeline.cli.commands.imports, imports_pipeline.dagster_runtime.in_process_runner
import imports_pipeline.workflow.import_workflow
from imports_pipeline.filestore.opening import open_store
from imports_pipeline.settings import Settings
open_store(Settings.read())
print(*sorted({"aiohttp", "botocore", "fastapi", "phonenumbers.geodata", "s3fs", "uvicorn"} & set(sys.modules)))
print(*sorted({"pandera", "hypothesis", "imports_pipeline.defs.sensors"} & set(sys.modules)))
"""

_PANDAS = """
import sys
from imports_pipeline.cli.later_pandas import load_pyarrow
load_pyarrow()
import imports_pipeline.dagster_runtime.in_process_runner, imports_pipeline.workflow.import_workflow
import pyarrow as pa
pa.array(["x"])
print("pandas" in sys.modules)
from imports_pipeline.schemas.pandera_schemas import validation
import pandas as pd
print(pa.array(pd.Series(["x", float("nan")])).to_pylist())
"""

_READING = """
import sys
import imports_pipeline.cli.app, imports_pipeline.cli.commands.imports, imports_pipeline.cli.installation
import imports_pipeline.dagster_runtime.abandoned_imports, imports_pipeline.database.migrations
import imports_pipeline.filestore.opening, imports_pipeline.registry.import_records
print(*sorted({"dagster", "numpy", "pandas", "pyarrow", "rich.table"} & set(sys.modules)))
"""

_ENDING = """
import atexit, sys, threading, time
from imports_pipeline.cli import main
class Kept:
    def __del__(self):
        print("teardown")
kept = Kept()
kept.itself = kept
def end():
    while "typer" not in sys.modules:
        time.sleep(0.01)
    atexit.register(print, "handler")
    print("thread")
threading.Thread(target=end).start()
sys.argv = ["imports-pipeline", *sys.argv[1:]]
main()
"""


def test_an_import_from_a_local_folder_loads_no_client_of_s3_and_no_server_nor_what_it_may_not_need() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_command_loads_pandas_when_pandera_needs_it_and_pyarrow_then_takes_its_series() -> None:
    done = subprocess.run([sys.executable, "-c", _PANDAS], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False", "['x', None]"]


def test_commands_that_read_load_neither_dagster_nor_the_phases() -> None:
    done = subprocess.run([sys.executable, "-c", _READING], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), (["no-such-command"], 2)])
def test_a_command_ends_without_teardown_after_its_threads_handlers_and_output(
    arguments: list[str], status: int
) -> None:
    done = subprocess.run([sys.executable, "-c", _ENDING, *arguments], capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    assert done.stdout.split()[-1] == "handler"
    assert "thread" in done.stdout.split()


def test_output_that_nobody_reads_is_an_error() -> None:
    command = [sys.executable, "-c", "from imports_pipeline.cli import main; main()", "--help"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode != 0
    assert "No space left" in done.stderr
