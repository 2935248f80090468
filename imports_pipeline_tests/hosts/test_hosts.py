"""A cluster of hosts with no shared folder: imports end exact, also when a worker's host is cut off and comes back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest
from dagster import DagsterInstance

from imports_pipeline.embedded import settings
from imports_pipeline.storage.environment import dagster_environment
from imports_pipeline.storage.server import database
from imports_pipeline_tests.broker import broker
from imports_pipeline_tests.hosts.network import HUB, Host, host, make_hub
from imports_pipeline_tests.object_store import ObjectStore, object_store
from imports_pipeline_tests.system import running
from imports_pipeline_tests.whole.stack import Stack, seconds, until
from imports_pipeline_tests.whole.test_celery import AFTER, BEFORE, worker

IMPORTS = int(os.environ.get("SOAK_IMPORTS", "10"))
pytestmark = pytest.mark.soak


@dataclass(frozen=True)
class Hosts:
    """The system on its hosts; ``workers`` are each host's first process of a worker."""

    stack: Stack
    workers: dict[psutil.Process, Host]
    store: ObjectStore

    def put(self, name: str, content: str) -> str:
        self.store.client().pipe_file(f"imports/hosts/{name}", content.encode())
        return f"s3://imports/hosts/{name}"

    def host_of(self, organization: str) -> Host:
        """Give the host on which the organization's import is being worked on."""
        process = self.stack.process_of(self.stack.run_of(organization))
        (found,) = [self.workers[one] for one in process.parents() if one in self.workers]
        return found


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    make_hub()
    home = tmp_path_factory.mktemp("hub")
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        # Seen by this network alone.
        patch.setitem(settings._SETTINGS, "listen_addresses", "*")
        redis = stack.enter_context(broker(home / "redis", HUB))
        objects = stack.enter_context(object_store(HUB))
        url = stack.enter_context(database(home, {}))
        _let_in(home, url)
        shared = {
            **objects.environment,
            "STORE_URL": "s3://imports/hosts",
            "DATABASE_URL": url.replace("127.0.0.1", HUB),
            "CELERY_BROKER_URL": redis.url,
            "IMPORTS_DEPLOYMENT": "celery",
        }
        system = stack.enter_context(running(home, shared))
        workers = {}
        for number, name in enumerate(("one", "two"), 2):
            place = stack.enter_context(host(name, number))
            folder = tmp_path_factory.mktemp(name)
            workers[stack.enter_context(worker(name, folder, shared, place.inside))] = place
        environment = dagster_environment(shared["DATABASE_URL"], home, deployment="celery")
        for name, value in {**shared, **environment}.items():
            patch.setenv(name, value)
        instance = stack.enter_context(DagsterInstance.get())
        made = Hosts(Stack(system, url, instance), workers, objects)
        made.stack.install_holds()
        yield made


def _let_in(home: Path, url: str) -> None:
    """Let the other hosts in, by password."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SHOW hba_file").fetchone()
        assert row is not None
        with Path(row[0]).open("a") as file:
            file.write("host all all 10.213.0.0/24 scram-sha-256\n")
        connection.execute("SELECT pg_reload_conf()")


def test_imports_end_exact(hosts: Hosts) -> None:
    stack, organizations = hosts.stack, [f"exact-{n}" for n in range(IMPORTS)]
    source = hosts.put("exact.csv", AFTER)
    with seconds(f"{IMPORTS} imports on two hosts"):
        for one in organizations:
            stack.launch("import_contacts", {"source": source, "organization": one, "mode": "sync"})
        for organization in organizations:
            import_ = until(f"{organization} ends", lambda one=organization: stack.ended(one))
            assert (import_["status"], import_["reason"]) == ("completed", None)
            assert stack.names(organization) == ["Ann", "Eve"]


def test_a_host_that_is_cut_off_in_processing_and_comes_back(hosts: Hosts) -> None:
    stack = hosts.stack
    before, after = hosts.put("before.csv", BEFORE), hosts.put("after.csv", AFTER)
    stack.launch("import_contacts", {"source": before, "organization": "cut", "mode": "sync"})
    until("the first ends", lambda: stack.ended("cut"))
    stack.hold("cut", "processing")
    config = {"source": after, "organization": "cut", "action": "overwrite", "mode": "sync"}
    stack.launch("import_contacts", config)
    until("it is held", lambda: stack.holds("cut"))
    place = hosts.host_of("cut")
    place.cut_off()
    stack.let_go("cut")
    assert stack.names("cut") == ["Ann", "Bob"], "as before"
    with seconds("a host cut off in processing, final status after"):
        import_ = until("it ends", lambda: stack.ended("cut"), 900)
    assert (import_["status"], import_["reason"]) == ("completed", None)
    assert stack.names("cut") == ["Ann", "Eve"], "as after"
    place.bring_back()
    with seconds("the host is back, its worker answers after"):
        _worked_on(hosts, place, after)
    again = stack.import_of("cut")
    assert again is not None
    assert (again["id"], again["status"], again["updated_at"]) == (
        import_["id"],
        "completed",
        import_["updated_at"],
    )
    assert stack.names("cut") == ["Ann", "Eve"]


def _worked_on(hosts: Hosts, place: Host, source: str) -> None:
    """Import, one after the other, until one was done on this host."""
    for n in range(100):
        organization = f"back-{place.name}-{n}"
        hosts.stack.hold(organization, "preparsing")
        config = {"source": source, "organization": organization, "mode": "sync"}
        hosts.stack.launch("import_contacts", config)
        until("it is held", lambda one=organization: hosts.stack.holds(one))
        found = hosts.host_of(organization)
        hosts.stack.let_go(organization)
        hosts.stack.query(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            " AND application_name LIKE 'imports-pipeline %%'"
        )
        until(f"{organization} ends", lambda one=organization: hosts.stack.ended(one))
        if found == place:
            return
        time.sleep(1)
    raise AssertionError(f"no import was done on {place.name}")
