"""A whole import whose large file is read part by part: by processes of this machine, and by a Dask cluster."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from imports_pipeline.model.files import ERRORS_JSON, part
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline.workflow.part_executors import part_wise, processes
from imports_pipeline_tests.journeys import Imports

ROWS = "".join(
    f'Person {n},{f"person{n}@example.com" if n % 100 else "no email"},"two\nlines {n}"\n'
    for n in range(2000)
)
UPLOAD = f"name,email,notes\n{ROWS}"


def test_without_a_setting_files_are_read_in_one_piece(tmp_path: Path) -> None:
    assert part_wise(Settings.read({"IMPORTS_HOME": str(tmp_path)})) is None
    given = part_wise(Settings.read({"IMPORTS_WORKERS": "2", "IMPORTS_PART_BYTES": "1000"}))
    assert given is not None
    assert given.part_bytes == 1000


@contextmanager
def dask() -> Iterator[str]:
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        worker_dashboard_address=None,
    ) as cluster:
        yield str(cluster.scheduler_address)


def _equal_calls_are_run_again(settings: Settings) -> None:
    given = part_wise(settings)
    assert given is not None
    with given.executor() as executor:
        calls = [executor.submit(uuid4) for _ in range(3)]
        assert len({call.result() for call in calls}) == 3


@pytest.mark.parametrize("kind", ["processes", "dask"])
def test_an_import_read_in_parts_is_the_import(
    workflow: ImportWorkflow, organization: str, tmp_path: Path, kind: str
) -> None:
    with dask() if kind == "dask" else nullcontext("") as address:
        settings = replace(workflow.settings, workers=2, part_bytes=len(UPLOAD) // 5, dask_address=address)
        imports = Imports(replace(workflow, settings=settings), organization, tmp_path)
        import_ = imports.run(UPLOAD, save_result=True)
        _equal_calls_are_run_again(settings)
    files = imports.workflow.files(import_)
    assert files.exists(part("rows.parquet", 3)), "it was read in parts"
    assert import_.stats is not None
    assert (import_.stats["created"], import_.stats["rejected"]) == (1980, 20)
    whole = Imports(workflow, f"{organization}-whole", tmp_path).run(UPLOAD, save_result=True)
    assert whole.phases[0]["total"] == import_.phases[0]["total"] == 2000
    assert (whole.checksum, whole.detected, whole.stats) == (
        import_.checksum,
        import_.detected,
        import_.stats,
    )
    with files.open_read(ERRORS_JSON) as one, workflow.files(whole).open_read(ERRORS_JSON) as other:
        assert one.read() == other.read()


def test_processes_that_hang_end_with_the_work_that_was_given_up() -> None:
    hanging: list[Future[None]] = []

    def work() -> None:
        with processes(2) as pool:
            hanging.extend(pool.submit(time.sleep, 3600) for _ in range(2))
            raise TimeoutError

    with pytest.raises(TimeoutError):
        work()
    assert [future.done() for future in hanging] == [True, True]


def test_processes_end_with_the_one_that_asked_however_it_ends(tmp_path: Path) -> None:
    """Killed, it can tell them nothing."""
    program = tmp_path / "asks.py"
    program.write_text(
        "import os, signal, time\n"
        "from imports_pipeline.workflow.part_executors import part_wise, processes\n"
        "from imports_pipeline.settings import Settings\n"
        "if __name__ == '__main__':\n"
        "    with part_wise(Settings.read({'IMPORTS_WORKERS': '2'})).executor() as pool:\n"
        "        print(pool.submit(os.getpid).result(), flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(done.stdout)).wait(60)
    assert not psutil.pid_exists(int(done.stdout))


def test_where_dask_is_not_installed_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    given = part_wise(Settings.read({"DASK_SCHEDULER_ADDRESS": "tcp://127.0.0.1:1"}))
    assert given is not None
    with pytest.raises(ModuleNotFoundError, match=r"imports-pipeline\[dask\]"), given.executor():
        pass
