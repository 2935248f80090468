"""The same system with its runs on Celery workers: ``IMPORTS_DEPLOYMENT=celery``, two workers, Redis, S3.

Each worker has a folder of its own, as two machines have: nothing but PostgreSQL, S3 and the broker is shared.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from dagster import DagsterInstance

from imports_pipeline.dagster_runtime.dagster_environment import dagster_environment
from imports_pipeline.database.server_url import database
from imports_pipeline_tests.broker import Broker, broker
from imports_pipeline_tests.object_store import ObjectStore
from imports_pipeline_tests.system import COMMAND, environment, running
from imports_pipeline_tests.whole.stack import Stack, seconds, until

#: How many imports go through at once; `make soak` takes 40.
IMPORTS = int(os.environ.get("SOAK_IMPORTS", "10"))
BEFORE = "name,email,notes\nAnn,ann@example.com,old\nBob,bob@example.com,old\n"
AFTER = "name,email,notes\nAnn,ann@example.com,new\nEve,eve@example.com,new\n"
pytestmark = pytest.mark.soak


@dataclass(frozen=True)
class Cluster:
    """A system whose runs are on workers; ``workers`` are their first processes, by name."""

    stack: Stack
    workers: Mapping[str, psutil.Process]
    broker: Broker
    store: ObjectStore
    bucket: str

    def put(self, name: str, content: str) -> str:
        """Put a file to where every worker can read it; give its URI."""
        self.store.client().pipe_file(f"{self.bucket}/{name}", content.encode())
        return f"s3://{self.bucket}/{name}"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, object_server: ObjectStore) -> Iterator[Cluster]:
    home = tmp_path_factory.mktemp("control")
    bucket = "imports/celery"
    with ExitStack() as stack:
        redis = stack.enter_context(broker(home / "redis"))
        url = stack.enter_context(database(home, {}))
        shared = {
            **object_server.environment,
            "STORE_URL": f"s3://{bucket}",
            "DATABASE_URL": url,
            "CELERY_BROKER_URL": redis.url,
            "IMPORTS_DEPLOYMENT": "celery",
            "IMPORTS_WORKERS": "2",
            "IMPORTS_PART_BYTES": "20000",
        }
        system = stack.enter_context(running(home, shared))
        workers = {
            name: stack.enter_context(worker(name, tmp_path_factory.mktemp(name), shared))
            for name in ("one", "two")
        }
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in {**shared, **dagster_environment(url, home, deployment="celery")}.items():
            patch.setenv(name, value)
        instance = stack.enter_context(DagsterInstance.get())
        made = Cluster(Stack(system, url, instance), workers, redis, object_server, bucket)
        made.stack.install_holds()
        yield made


@contextmanager
def worker(
    name: str, home: Path, shared: Mapping[str, str], inside: Sequence[str] = ()
) -> Iterator[psutil.Process]:
    """Run a worker for the block; ``inside`` is a command that runs it on another host."""
    log = home / "worker.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*inside, *COMMAND, "worker", "--concurrency", "2", "--name", f"{name}@test"],
            env=environment(home, shared),
            stdout=output,
            stderr=output,
        )
    try:
        until(f"worker {name} is ready", lambda: _is_ready(process, log), 60)
        yield psutil.Process(process.pid)
    finally:
        with suppress(psutil.NoSuchProcess):
            _thaw(psutil.Process(process.pid))
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def _is_ready(process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()[-3000:]
    return " ready." in log.read_text()


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _thaw(process: psutil.Process) -> None:
    for one in _family(process):
        with suppress(psutil.NoSuchProcess):
            one.resume()


def test_imports_are_spread_over_the_workers_and_end_exact(cluster: Cluster) -> None:
    stack, organizations = cluster.stack, [f"spread-{n}" for n in range(IMPORTS)]
    source = cluster.put("spread.csv", AFTER)
    with seconds(f"{IMPORTS} imports on two workers"):
        runs = [
            stack.launch("import_contacts", {"source": source, "organization": one, "mode": "sync"})
            for one in organizations
        ]
        for organization in organizations:
            import_ = until(f"{organization} ends", lambda one=organization: stack.ended(one))
            assert (import_["status"], import_["reason"]) == ("completed", None)
            assert stack.names(organization) == ["Ann", "Eve"]
    parents = {parent for run in runs if (parent := _worker_of(stack, run))}
    assert parents <= {process.pid for process in cluster.workers.values()}
    assert len(parents) == 2, "both took some"


def test_the_second_run_of_a_mixed_import_may_be_on_another_machine(cluster: Cluster) -> None:
    stack = cluster.stack
    config = {"source": cluster.put("mixed.csv", AFTER), "organization": "mixed", "mode": "mixed"}
    stack.launch("import_contacts", config)
    import_ = until("it ends", lambda: stack.ended("mixed"))
    assert (import_["status"], import_["reason"]) == ("completed", None)
    assert stack.names("mixed") == ["Ann", "Eve"]


def test_a_large_file_is_read_by_processes_of_a_run(cluster: Cluster) -> None:
    rows = "".join(f"Person {n},person{n}@example.com\n" for n in range(5000))
    config = {"source": cluster.put("large.csv", f"name,email\n{rows}"), "organization": "large"}
    cluster.stack.launch("import_contacts", config)
    import_ = until("it ends", lambda: cluster.stack.ended("large"))
    assert (import_["status"], import_["reason"]) == ("completed", None)
    assert len(cluster.stack.names("large")) == 5000
    parts = cluster.store.client().glob(f"{cluster.bucket}/imports/{import_['id']}/by_part/*/rows.parquet")
    assert len(parts) > 3


def test_a_process_that_is_killed_is_replaced_and_its_import_ends_once(cluster: Cluster) -> None:
    stack = cluster.stack
    first = cluster.put("before.csv", BEFORE)
    stack.launch("import_contacts", {"source": first, "organization": "killed", "mode": "sync"})
    until("the first ends", lambda: stack.ended("killed"))
    stack.hold("killed", "processing")
    config = {"source": cluster.put("after.csv", AFTER), "organization": "killed", "action": "overwrite"}
    stack.launch("import_contacts", {**config, "mode": "sync"})
    until("it is held", lambda: stack.holds("killed"))
    process = stack.process_of(stack.run_of("killed"))
    stack.let_go("killed")
    process.kill()
    with seconds("killed in processing on a worker, final status after"):
        import_ = until("it ends", lambda: stack.ended("killed"))
    assert (import_["status"], import_["reason"]) == ("completed", None)
    assert stack.names("killed") == ["Ann", "Eve"]
    runs = [run for run in stack.instance.get_runs() if run.tags.get(".dagster/imports_id") == import_["id"]]
    assert len(runs) == 2, "the one that was killed, and the one that took it up"


def test_a_run_on_a_worker_is_canceled_by_command(cluster: Cluster) -> None:
    stack = cluster.stack
    config = {"source": cluster.put("after.csv", AFTER), "organization": "canceled", "mode": "sync"}
    stack.hold("canceled", "processing")
    run_id = stack.launch("import_contacts", config)
    until("it is held", lambda: stack.holds("canceled"))
    import_ = stack.import_of("canceled")
    assert import_ is not None
    assert "canceled" in stack.system.command("cancel", import_["id"])
    until("the run ends", lambda: (run := stack.instance.get_run_by_id(run_id)) and run.is_finished)
    assert (stack.ended("canceled") or {}).get("code") == "canceled"
    assert stack.names("canceled") == []


def test_a_broker_that_restarts_loses_no_import_and_fails_no_run(cluster: Cluster) -> None:
    stack, organizations = cluster.stack, [f"broker-{n}" for n in range(4)]
    source = cluster.put("after.csv", AFTER)
    stack.hold("broker-0", "preparsing")
    stack.launch("import_contacts", {"source": source, "organization": "broker-0", "mode": "sync"})
    until("the first is under way", lambda: stack.holds("broker-0"))
    cluster.broker.stop()
    for one in organizations[1:]:
        stack.launch("import_contacts", {"source": source, "organization": one, "mode": "sync"})
    stack.let_go("broker-0")
    stack.query(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        " AND application_name LIKE 'imports-pipeline %%'"
    )
    cluster.broker.start()
    with seconds("a broker restarted, final statuses after"):
        for organization in organizations:
            import_ = until(f"{organization} ends", lambda one=organization: stack.ended(one))
            assert (import_["status"], import_["reason"]) == ("completed", None)
            assert stack.names(organization) == ["Ann", "Eve"]


def _worker_of(stack: Stack, run_id: str) -> int | None:
    """Return the first process of the worker that executed a run, while its process lives."""
    with suppress(psutil.NoSuchProcess):
        parent = stack.process_of(run_id).parent()
        return parent.pid if parent else None
    return None
