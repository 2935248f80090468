"""The gain of reading one large file in parts: one process, a pool of one and two, one and two Dask workers.

`BENCH_ROWS` rows (10,000,000) in `BENCH_PARTS` parts (8), `BENCH_WAYS` of `whole pool-1 pool-2 dask-1 dask-2`. Each
way is a process of its own; prints seconds, processor seconds, and the most memory of one process.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks import contacts
from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.import_phases.part_reading import PartReading
from imports_pipeline.import_phases.prevalidation import prevalidate
from imports_pipeline.model import ids
from imports_pipeline.model.files import UPLOAD
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.options import Options
from imports_pipeline.model.statuses import Status
from imports_pipeline.settings import Settings
from imports_pipeline.workflow import part_executors

ROWS = contacts.count_of(os.environ.get("BENCH_ROWS", "10000000"))
PARTS = int(os.environ.get("BENCH_PARTS", "8"))
ALLOCATOR = {"MALLOC_TRIM_THRESHOLD_": 268_435_456, "MALLOC_MMAP_THRESHOLD_": 33_554_432}
"""The malloc setting of docs/how-to/scaling.md. Dask's default returns freed memory and requests it again."""
WAYS = os.environ.get("BENCH_WAYS", "whole pool-1 pool-2 dask-1 dask-2").split()


def measure(path: Path, way: str) -> dict[str, float]:
    """Prevalidate the file in one way, in this process and its child processes."""
    now = datetime.now(UTC)
    options = Options(Action.MERGE, default_region="US")
    import_ = Import(ids.new_id(ids.IMPORT), "", "contact", options, Status.REQUESTED, "cli", now, now)
    kind, _, number = way.partition("-")
    settings = replace(Settings.read(), part_bytes=path.stat().st_size // PARTS + 1)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, workers(kind, number) as given:
        (Path(folder) / "import").mkdir()
        (Path(folder) / "import" / UPLOAD).hardlink_to(path)
        files = LocalStore(Path(folder)).folder("import")
        parts = how(replace(settings, **given)) if given else None
        begin = time.perf_counter()
        result = prevalidate(import_, files, sync_rows=0, parts=parts)
        seconds = time.perf_counter() - begin
        assert result.total == ROWS, "every row was read"
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    processor = sum(one.ru_utime + one.ru_stime for one in (own, others))
    most = others.ru_maxrss if given else own.ru_maxrss
    return {"seconds": seconds, "processor": processor, "memory": most / 1024}


def how(settings: Settings) -> PartReading | None:
    """Return the reader of parts. A pool of one process is built here, because the settings read 1 as no pool."""
    if settings.workers == 1 and not settings.dask_address:
        return PartReading(partial(part_executors.processes, 1), settings.part_bytes)
    return part_executors.part_wise(settings)


@contextmanager
def workers(kind: str, number: str) -> Iterator[dict[str, object]]:
    """Start the pool or the cluster, and yield the settings that name it."""
    if kind == "whole":
        yield {}
    elif kind == "pool":
        yield {"workers": int(number)}
    else:
        import dask
        from distributed import LocalCluster

        with (
            dask.config.set({"distributed.nanny.pre-spawn-environ": ALLOCATOR}),
            LocalCluster(
                n_workers=int(number),
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=None,
                worker_dashboard_address=None,
            ) as cluster,
        ):
            yield {"dask_address": str(cluster.scheduler_address)}


def main() -> None:
    """Measure every way and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload.csv"
        contacts.write(path, range(ROWS), kind="multiline")
        print(f"{ROWS:,} rows, {path.stat().st_size / 1e6:,.0f} MB, {PARTS} parts, {os.cpu_count()} cores\n")
        print("| way | s | processor s | MB a process |\n|---|---|---|---|")
        for way in WAYS:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.parts", str(path), way], capture_output=True, text=True
            )
            if done.returncode:
                raise SystemExit(done.stderr)
            told = json.loads(done.stdout.splitlines()[-1])
            print(
                f"| {way} | {told['seconds']:.1f} | {told['processor']:.1f} | {told['memory']:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(measure(Path(sys.argv[1]), sys.argv[2])))
    else:
        main()
