"""A cluster of hosts with no shared folder: imports end exact, whatever is cut off, goes away or restarts meanwhile."""

from __future__ import annotations

import os
import time

import pytest

from imports_pipeline_tests.hosts.cluster import Hosts
from imports_pipeline_tests.whole.stack import seconds, until
from imports_pipeline_tests.whole.test_celery import AFTER, BEFORE

IMPORTS = int(os.environ.get("SOAK_IMPORTS", "10"))
#: How long the object store is away.
AWAY_SECONDS = 10
#: How many imports are known to need the object store while it is away; the workers have four places.
HELD = 3
pytestmark = pytest.mark.soak


def test_imports_end_exact(hosts: Hosts) -> None:
    organizations = [f"exact-{n}" for n in range(IMPORTS)]
    source = hosts.put("exact.csv", AFTER)
    with seconds(f"{IMPORTS} imports on two workers"):
        for one in organizations:
            hosts.launch(one, source)
        for organization in organizations:
            _ends_exact(hosts, organization)


def test_a_host_that_is_cut_off_in_processing_and_comes_back(hosts: Hosts) -> None:
    stack = hosts.stack
    before, after = hosts.put("before.csv", BEFORE), hosts.put("after.csv", AFTER)
    hosts.launch("cut", before)
    until("the first ends", lambda: stack.ended("cut"))
    stack.hold("cut", "processing")
    hosts.launch("cut", after, "overwrite")
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
        hosts.worked_on(place, after)
    again = stack.import_of("cut")
    assert again is not None
    assert (again["id"], again["status"], again["updated_at"]) == (
        import_["id"],
        "completed",
        import_["updated_at"],
    )
    assert stack.names("cut") == ["Ann", "Eve"]


def test_a_broker_that_restarts_loses_no_import(hosts: Hosts) -> None:
    stack, organizations = hosts.stack, [f"broker-{n}" for n in range(4)]
    source = hosts.put("after.csv", AFTER)
    stack.hold("broker-0", "preparsing")
    hosts.launch("broker-0", source)
    until("the first is under way", lambda: stack.holds("broker-0"))
    hosts.broker.stop()
    for one in organizations[1:]:
        hosts.launch(one, source)
    stack.let_go("broker-0")
    hosts.wake()
    hosts.broker.start()
    with seconds("a broker restarted, final statuses after"):
        for organization in organizations:
            _ends_exact(hosts, organization)


def test_an_object_store_that_is_away_is_waited_for(hosts: Hosts) -> None:
    stack, organizations = hosts.stack, [f"away-{n}" for n in range(max(IMPORTS, HELD))]
    before, after = hosts.put("before.csv", BEFORE), hosts.put("after.csv", AFTER)
    for one in organizations:
        hosts.launch(one, before)
    for one in organizations:
        until(f"the first of {one} ends", lambda one=one: stack.ended(one))
    held = organizations[:HELD]
    for one, phase in zip(held, ("prevalidation", "preparsing", "processing"), strict=True):
        stack.hold(one, phase)
    for one in organizations:
        hosts.launch(one, after, "overwrite")
    for one in held:
        until(f"{one} is held", lambda one=one: stack.holds(one))
        stack.let_go(one)
    hosts.store_host.cut_off()
    # They are tried again, and so need the store at once.
    hosts.wake()
    time.sleep(AWAY_SECONDS)
    for one in held:
        assert stack.names(one) in (["Ann", "Bob"], ["Ann", "Eve"]), "never between"
    hosts.store_host.bring_back()
    with seconds(f"an object store away for {AWAY_SECONDS} s, the last final status after"):
        for organization in organizations:
            _ends_exact(hosts, organization)
    runs = [run for run in stack.instance.get_runs() if run.tags.get("org") in organizations]
    print(f"{len(runs)} runs of {2 * len(organizations)} imports")


def _ends_exact(hosts: Hosts, organization: str) -> None:
    import_ = until(f"{organization} ends", lambda: hosts.stack.ended(organization))
    assert (import_["status"], import_["reason"]) == ("completed", None), organization
    assert hosts.stack.names(organization) == ["Ann", "Eve"]
