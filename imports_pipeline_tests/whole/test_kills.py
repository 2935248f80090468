"""What dies in the midst of an import: its process in each phase, and everything at once.

Afterwards there is one final status, and the data is as before or as after, never between.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imports_pipeline.model.phases import PHASES
from imports_pipeline_tests.api.serving import free_port
from imports_pipeline_tests.system import lives
from imports_pipeline_tests.whole.conftest import Start
from imports_pipeline_tests.whole.stack import Stack, pull_the_plug, seconds, until
from imports_pipeline_tests.whole.test_api import client_of, leave_to_the_daemon

#: They take minutes together: `make soak`.
together = pytest.mark.soak
BEFORE = "name,email,notes\nAnn,ann@example.com,old\nBob,bob@example.com,old\n"
AFTER = "name,email,notes\nAnn,ann@example.com,new\nEve,eve@example.com,new\n"


@pytest.fixture(scope="module")
def stack(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with start(tmp_path_factory.mktemp("kills"), {}) as stack:
        stack.install_holds()
        yield stack


@pytest.fixture(scope="module")
def killed(stack: Stack) -> dict[str, str]:
    """Launch an overwrite for each phase, hold it there, and kill its process; give organizations by phase."""
    organizations = {phase.value: f"killed-in-{phase.value}" for phase in PHASES}
    after = stack.source("after.csv", AFTER)
    for organization in organizations.values():
        stack.prepare(organization, BEFORE)
    for phase, organization in organizations.items():
        stack.hold(organization, phase)
        config = {"source": after, "organization": organization, "action": "overwrite", "mode": "sync"}
        stack.launch("import_contacts", config)
    for organization in organizations.values():
        until(f"{organization} is held", lambda organization=organization: stack.holds(organization))
        process = stack.process_of(stack.run_of(organization))
        stack.let_go(organization)
        process.kill()
    return organizations


@together
@pytest.mark.parametrize("phase", PHASES)
def test_a_run_killed_in_a_phase_is_taken_up_and_completes(
    stack: Stack, killed: dict[str, str], phase: str
) -> None:
    organization = killed[phase]
    with seconds(f"killed in {phase}, final status after"):
        import_ = until(f"{organization} ends", lambda: stack.ended(organization))
    assert (import_["status"], import_["reason"]) == ("completed", None)
    assert stack.names(organization) == ["Ann", "Eve"]
    assert [one["name"] for one in import_["phases"]] == list(PHASES)
    runs = [run for run in stack.instance.get_runs() if run.tags.get(".dagster/imports_id") == import_["id"]]
    assert len(runs) == 2, "the one that was killed, and the one that took it up"


@together
def test_a_run_that_is_canceled_on_its_page_has_written_nothing(stack: Stack) -> None:
    organization = "canceled"
    config = {"source": stack.source("after.csv", AFTER), "organization": organization, "mode": "sync"}
    stack.hold(organization, "cleanup")
    run_id = stack.launch("import_contacts", config)
    until("it is held", lambda: stack.holds(organization))
    stack.client().terminate_run(run_id)
    with seconds("canceled, final status after"):
        import_ = until("it ends", lambda: stack.ended(organization))
    assert (import_["status"], import_["code"]) == ("failed", "canceled")
    assert stack.names(organization) == []


@together
def test_cancel_stops_a_run_of_another_process(stack: Stack) -> None:
    organization = "canceled-by-command"
    config = {"source": stack.source("after.csv", AFTER), "organization": organization, "mode": "sync"}
    stack.hold(organization, "processing")
    run_id = stack.launch("import_contacts", config)
    until("it is held", lambda: stack.holds(organization))
    import_ = stack.import_of(organization)
    assert import_ is not None
    assert "canceled" in stack.system.command("cancel", import_["id"])
    until("the run ends", lambda: (run := stack.instance.get_run_by_id(run_id)) and run.is_finished)
    assert (stack.ended(organization) or {}).get("code") == "canceled"
    assert stack.names(organization) == []


@together
def test_a_run_that_hangs_is_timed_out_by_its_import(stack: Stack) -> None:
    organization = "hangs"
    config = {
        "source": stack.source("after.csv", AFTER),
        "organization": organization,
        "mode": "sync",
        "timeout": 5,
    }
    stack.hold(organization, "processing")
    stack.launch("import_contacts", config)
    import_ = until("it ends", lambda: stack.ended(organization))
    assert (import_["status"], import_["code"]) == ("timed_out", "timed_out")
    assert stack.names(organization) == []


@together
def test_ctrl_c_ends_a_run_with_the_system(start: Start, tmp_path: Path) -> None:
    organization = "ctrl-c"
    with start(tmp_path, {}) as stack:
        stack.install_holds()
        stack.hold(organization, "processing")
        config = {"source": stack.source("after.csv", AFTER), "organization": organization, "mode": "sync"}
        stack.launch("import_contacts", config)
        until("it is held", lambda: stack.holds(organization))
        family = [stack.process_of(stack.run_of(organization))]
        family += stack.system.process.children(recursive=True)
        assert family[0] in family[1:], "it is stopped with the others"
    assert [process for process in family if lives(process)] == []
    with start(tmp_path, {}) as stack:
        stack.let_go(organization)
        until("it ends", lambda: stack.ended(organization))


@pytest.mark.long
def test_the_whole_system_works_until_everything_dies_at_once(start: Start, tmp_path: Path) -> None:
    """The API, the pages and the daemon; PostgreSQL dies too, in the midst of processing; then all start again.

    One test, because to start a system takes 20 s of CPU.
    """
    organization = "plug"
    api_port, pages_port = free_port(), free_port()
    with start(tmp_path, {}, api_port=api_port, pages_port=pages_port) as stack:
        with client_of(tmp_path, api_port) as client:
            leave_to_the_daemon(client, pages_port)
        stack.install_holds()
        stack.prepare(organization, BEFORE)
        stack.hold(organization, "cleanup")
        config = {"source": stack.source("after.csv", AFTER), "organization": organization}
        stack.launch("import_contacts", {**config, "action": "overwrite", "mode": "mixed"})
        until("it is held", lambda: stack.holds(organization))
        pull_the_plug(stack.system)
    with start(tmp_path, {}) as stack:
        assert stack.names(organization) == ["Ann", "Bob"], "as before: it was not committed"
        stack.let_go(organization)
        with seconds("everything killed, final status after the restart"):
            import_ = until("it ends", lambda: stack.ended(organization))
        assert (import_["status"], import_["reason"]) == ("completed", None)
        assert stack.names(organization) == ["Ann", "Eve"]
