"""Response times of the HTTP API: a sync import, one import among many, filtered lists, an upload.

The benchmark starts a server on the embedded PostgreSQL in a temporary folder and prints medians in milliseconds.
Environment variables: `BENCH_IMPORTS` (stored imports, 100,000), `BENCH_REPEAT` (requests of each kind, 30),
`BENCH_UPLOAD_MB` (size of the upload, 1,000).
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil

from imports_pipeline.database.migrations import migrate
from imports_pipeline.database.server_url import database
from imports_pipeline_tests.api.serving import Api, data_of, serving

IMPORTS = int(os.environ.get("BENCH_IMPORTS", "100000"))
REPEAT = int(os.environ.get("BENCH_REPEAT", "30"))
UPLOAD_MB = int(os.environ.get("BENCH_UPLOAD_MB", "1000"))
# Copies of one import with other ids, statuses and times, one minute apart.
_MANY = """
    INSERT INTO imports (id, organization_id, name, resource, action, mode, status, options, phases, stats, source,
                         has_errors_file, created_at, updated_at)
    SELECT 'imp_' || lpad(n::text, 26, '0'), organization_id, 'Import ' || n, resource, action,
           CASE WHEN n %% 3 = 0 THEN 'sync' ELSE 'mixed' END,
           CASE WHEN n %% 10 = 0 THEN 'failed' ELSE 'completed' END, options, phases, stats, source, n %% 4 = 0,
           now() - n * interval '1 minute', now() - n * interval '1 minute'
    FROM imports, generate_series(1, %s) AS n WHERE id = %s
"""


def timed(call: Callable[[], object], repeat: int = REPEAT) -> str:
    """Return the median, the minimum and the maximum of the calls in milliseconds, as table cells."""
    taken = []
    for _ in range(repeat):
        begun = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - begun))
    return f"{statistics.median(taken):>9.1f}{min(taken):>9.1f}{max(taken):>9.1f}"


def main() -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as folder, database(Path(folder), {}) as url:
        migrate(url)
        with serving(url, Path(folder), {"IMPORTS_API_RATE": "0"}) as api, api.caller("bench") as caller:
            _measure(api, caller)


def _measure(api: Api, caller: httpx.Client) -> None:
    numbers = iter(range(10**9))

    def sync() -> str:
        start = 100 * next(numbers)
        data = [{"name": f"P {n}", "email": f"p{n}@example.com"} for n in range(start, start + 100)]
        body = {"resource": "contact", "mode": "sync", "data": data}
        return str(data_of(caller.post("/v1/imports", json=body), 201)["id"])

    first = sync()
    sync()  # by the second worker
    print(f"{'request':<44}{'median ms':>9}{'min':>9}{'max':>9}")
    print(f"{'sync import of 100 rows':<44}{timed(sync)}")
    with ThreadPoolExecutor(20) as callers:
        begun = time.perf_counter()
        list(callers.map(lambda _: sync(), range(20)))
        print(f"{'20 of them at once, all':<44}{1000 * (time.perf_counter() - begun):>9.1f}")
    with api.database.connect() as connection:
        connection.execute(_MANY, (IMPORTS, first))
        connection.execute("ANALYZE imports")
    print(f"with {IMPORTS:,} stored imports:")
    print(f"{'  one import':<44}{timed(lambda: data_of(caller.get(f'/v1/imports/{first}'), 200))}")
    for name, filters in (
        ("newest 20", {}),
        ("status=failed", {"status": "failed"}),
        ("mode=sync, has_errors", {"mode": "sync", "has_errors": "true"}),
        ("page 2,000", {"page": "2000"}),
        ("ordered by name", {"order_by": "name"}),
    ):

        def page(parameters: dict[str, str] = filters) -> None:
            data_of(caller.get("/v1/imports", params=parameters), 200)

        print(f"  {name:<42}{timed(page)}")
    _upload(api, caller)


def _upload(api: Api, caller: httpx.Client) -> None:
    import_ = data_of(caller.post("/v1/imports", json={"resource": "contact"}), 202)
    port = api.url.rpartition(":")[2]
    server = next(
        process
        for process in psutil.process_iter(["cmdline"])
        if port in (process.info["cmdline"] or ()) and "api" in process.info["cmdline"]
    )
    before, most = server.memory_info().rss, 0
    block = os.urandom(1 << 20)

    def blocks() -> object:
        nonlocal most
        for _ in range(UPLOAD_MB):
            most = max(most, server.memory_info().rss)
            yield block

    begun = time.perf_counter()
    data_of(httpx.put(import_["_upload_url"], content=blocks(), timeout=600), 200)
    grown = (most - before) / 1e6
    print(
        f"upload of {UPLOAD_MB:,} MiB: {time.perf_counter() - begun:.1f} s, the server grew by {grown:.0f} MB"
    )


if __name__ == "__main__":
    main()
