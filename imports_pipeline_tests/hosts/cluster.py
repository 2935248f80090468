"""The system on hosts: control plane, database, broker, object store and two workers, without a shared folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from dagster import DagsterInstance

from imports_pipeline.dagster_runtime.dagster_environment import dagster_environment
from imports_pipeline_tests.broker import Broker, broker
from imports_pipeline_tests.hosts.network import Host, host, make_hub
from imports_pipeline_tests.hosts.postgres import postgres
from imports_pipeline_tests.object_store import ObjectStore, object_store
from imports_pipeline_tests.system import running
from imports_pipeline_tests.whole.stack import Stack, until
from imports_pipeline_tests.whole.test_celery import worker


@dataclass(frozen=True)
class Hosts:
    """The system on its hosts; ``workers`` are each host's first process of a worker."""

    stack: Stack
    workers: dict[psutil.Process, Host]
    broker: Broker
    store: ObjectStore
    store_host: Host

    def put(self, name: str, content: str) -> str:
        self.store.client().pipe_file(f"imports/hosts/{name}", content.encode())
        return f"s3://imports/hosts/{name}"

    def launch(self, organization: str, source: str, action: str = "merge") -> None:
        """Launch an import of contacts for an organization."""
        config = {"source": source, "organization": organization, "action": action, "mode": "sync"}
        self.stack.launch("import_contacts", config)

    def host_of(self, organization: str) -> Host:
        """Return the host on which the organization's import is being worked on."""
        process = self.stack.process_of(self.stack.run_of(organization))
        (found,) = [self.workers[one] for one in process.parents() if one in self.workers]
        return found

    def wake(self) -> None:
        """Interrupt imports that are held in their sleep; their phase is tried again."""
        self.stack.query(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            " AND application_name LIKE 'imports-pipeline %%'"
        )

    def worked_on(self, place: Host, source: str) -> None:
        """Import, one after the other, until one was done on this host."""
        for n in range(100):
            organization = f"back-{place.name}-{n}"
            self.stack.hold(organization, "preparsing")
            self.launch(organization, source)
            until("it is held", lambda one=organization: self.stack.holds(one))
            found = self.host_of(organization)
            self.stack.let_go(organization)
            self.wake()
            until(f"{organization} ends", lambda one=organization: self.stack.ended(one))
            if found == place:
                return
            time.sleep(1)
        raise AssertionError(f"no import was done on {place.name}")


@contextmanager
def hosts(folder: Callable[[str], Path]) -> Iterator[Hosts]:
    """Start everything for the block; ``folder`` makes a folder for a host."""
    make_hub()
    home = folder("control")
    with ExitStack() as stack:
        names = ("one", "two", "database", "broker", "store")
        places = {name: stack.enter_context(host(name, number)) for number, name in enumerate(names, 2)}
        at = places["broker"]
        redis = stack.enter_context(broker(folder("broker") / "redis", at.address, at.inside))
        at = places["store"]
        objects = stack.enter_context(object_store(at.address, at.inside))
        url = stack.enter_context(postgres(folder("database"), places["database"]))
        shared = {
            **objects.environment,
            "STORE_URL": "s3://imports/hosts",
            "DATABASE_URL": url,
            "CELERY_BROKER_URL": redis.url,
            "IMPORTS_DEPLOYMENT": "celery",
        }
        system = stack.enter_context(running(home, shared))
        workers = {}
        for name in ("one", "two"):
            place = places[name]
            workers[stack.enter_context(worker(name, folder(name), shared, place.inside))] = place
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in {**shared, **dagster_environment(url, home, deployment="celery")}.items():
            patch.setenv(name, value)
        instance = stack.enter_context(DagsterInstance.get())
        made = Hosts(Stack(system, url, instance), workers, redis, objects, places["store"])
        made.stack.install_holds()
        yield made
