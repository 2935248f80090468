"""Ctrl-C and SIGTERM while ``run`` works: the import is canceled, or it says that it was committed already."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from dagster import DagsterInstance

from imports_pipeline.batch_phases import pre_images
from imports_pipeline.dagster_runtime import in_process_runner
from imports_pipeline.model.statuses import Status
from imports_pipeline.workflow.signals import signal_received, stoppable
from imports_pipeline_tests import forked_commands
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.journeys.faults import trigger, until
from imports_pipeline_tests.system import without_the_dead

BEFORE = "name,email\nAnn,ann@example.com\nBob,bob@example.com\n"
CONTENT = "name,email,notes\nAnn,ann@example.com,new\nEve,eve@example.com,new\n"
STATUSES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@contextmanager
def running(
    imports: Imports, environment: dict[str, str], *files: str, options: tuple[str, ...] = ()
) -> Iterator[subprocess.Popen[str]]:
    """Start ``run`` for an overwrite with these files, as a process of its own."""
    arguments = ["--resource", "contact", "--action", "overwrite", "--organization", imports.organization]
    process = subprocess.Popen(
        [*forked_commands.program(), "run", *files, *arguments, "--max-deletions", "100", *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def held(imports: Imports, phase: str) -> AbstractContextManager[None]:
    """Hold every import of the organization at the end of a phase, before it is committed."""
    if phase == "processing":
        return trigger(imports, "PERFORM pg_sleep(600);")
    ended = f"""IF NEW.phases -> -1 ->> 'name' = '{phase}' THEN PERFORM pg_sleep(600); END IF;"""
    return trigger(imports, ended, "UPDATE", "imports")


def is_held(imports: Imports) -> bool:
    held = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    return bool(imports.query(held))


def newest(imports: Imports) -> dict[str, Any]:
    rows = imports.query(
        "SELECT * FROM imports WHERE organization_id = %s ORDER BY created_at DESC", imports.organization
    )
    return rows[0]


@pytest.mark.parametrize(
    ("phase", "number", "mode"),
    [
        ("prevalidation", signal.SIGINT, "mixed"),
        ("preparsing", signal.SIGTERM, "mixed"),
        ("transforming", signal.SIGINT, "sync"),
        ("parsing", signal.SIGTERM, "sync"),
        ("validation", signal.SIGINT, "mixed"),
        ("processing", signal.SIGINT, "mixed"),
        ("processing", signal.SIGTERM, "sync"),
    ],
)
def test_it_is_canceled_in_every_phase(
    imports: Imports, dagster_home: dict[str, str], phase: str, number: signal.Signals, mode: str
) -> None:
    imports.completed(BEFORE)
    before = imports.state()
    file = str(imports.source(CONTENT))
    options = ("--mode", mode, "--json")
    with held(imports, phase), running(imports, dagster_home, file, options=options) as process:
        until(lambda: is_held(imports) or process.poll() is not None)
        process.send_signal(number)
        out, err = process.communicate(timeout=120)
    assert process.returncode == STATUSES[number], err
    assert json.loads(out)["code"] == "canceled"
    sentence = without_the_dead(err)
    assert sentence.count("\n") == 1, err
    assert "wrote nothing" in sentence
    found = newest(imports)
    assert found["id"] in sentence
    assert (found["status"], found["code"]) == ("failed", "canceled")
    assert imports.state() == before


def test_of_several_files_the_rest_are_not_begun(imports: Imports, dagster_home: dict[str, str]) -> None:
    files = [str(imports.source(f"name,external_id,notes\nAnn,E-1,{n}\n")) for n in range(3)]
    body = "IF NEW.notes = '1' THEN PERFORM pg_sleep(600); END IF;"
    with (
        trigger(imports, body, "UPDATE"),
        running(imports, dagster_home, *files, options=("--json",)) as process,
    ):
        until(lambda: is_held(imports) or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert [one["status"] for one in json.loads(out)] == ["completed", "failed"]
    assert "Traceback" not in err
    assert imports.one("Ann")["notes"] == "0"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_that_was_committed_stays_completed(
    imports: Imports, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    imports.completed(BEFORE)
    prune, sent = pre_images.prune, []

    def after_the_commit(*arguments: Any) -> int:
        if not sent:
            sent.append(number)
            os.kill(os.getpid(), number)
        return prune(*arguments)

    monkeypatch.setattr(pre_images, "prune", after_the_commit)
    with stoppable():
        import_ = in_process_runner.run_import(
            imports.workflow, imports.register(CONTENT, mode="sync"), wait=True
        )
        assert signal_received() == number
    assert (import_.status, sent) == (Status.COMPLETED, [number])
    assert imports.one("Ann")["notes"] == "new"
