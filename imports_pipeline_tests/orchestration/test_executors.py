"""A whole import whose large file is read part by part: by processes of this machine, and by a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from imports_pipeline.model.files import ERRORS_JSON, part
from imports_pipeline.orchestration.executors import part_wise
from imports_pipeline.orchestration.journey import Journey
from imports_pipeline.settings import Settings
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


@pytest.mark.parametrize("kind", ["processes", "dask"])
def test_an_import_read_in_parts_is_the_import(
    journey: Journey, organization: str, tmp_path: Path, kind: str
) -> None:
    with dask() if kind == "dask" else nullcontext("") as address:
        settings = replace(journey.settings, workers=2, part_bytes=len(UPLOAD) // 5, dask_address=address)
        imports = Imports(replace(journey, settings=settings), organization, tmp_path)
        import_ = imports.run(UPLOAD, save_result=True)
    files = imports.journey.files(import_)
    assert files.exists(part("rows.parquet", 3)), "it was read in parts"
    assert import_.stats is not None
    assert (import_.stats["created"], import_.stats["rejected"]) == (1980, 20)
    whole = Imports(journey, f"{organization}-whole", tmp_path).run(UPLOAD, save_result=True)
    assert whole.phases[0]["total"] == import_.phases[0]["total"] == 2000
    assert (whole.checksum, whole.detected, whole.stats) == (
        import_.checksum,
        import_.detected,
        import_.stats,
    )
    with files.open_read(ERRORS_JSON) as one, journey.files(whole).open_read(ERRORS_JSON) as other:
        assert one.read() == other.read()


def test_where_dask_is_not_installed_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "distributed", None)
    given = part_wise(Settings.read({"DASK_SCHEDULER_ADDRESS": "tcp://127.0.0.1:1"}))
    assert given is not None
    with pytest.raises(ModuleNotFoundError, match=r"imports-pipeline\[dask\]"), given.executor():
        pass
