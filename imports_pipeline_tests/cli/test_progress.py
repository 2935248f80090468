"""Progress on a terminal: what is being done while it is being done, also by the database; and Ctrl-C."""

from __future__ import annotations

from pathlib import Path

import pytest

from imports_pipeline.cli.progress import described
from imports_pipeline.model import progress
from imports_pipeline.model.progress import Activity
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests import forked_commands
from imports_pipeline_tests.cli import terminal
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.journeys.faults import trigger

CONTENT = "name,email\nAnn,ann@example.com\nBob,bob@example.com\n"
CTRL_C = b"\x03"


@pytest.mark.parametrize(
    ("activity", "line"),
    [
        (Activity("prevalidation", began=0.0), "prevalidation  2 s"),
        (Activity("prevalidation", None, 3_000, began=0.0), "prevalidation  3,000 rows  1,500 rows/s  2 s"),
        (Activity("preparsing", 4_000, began=0.0), "preparsing  4,000 rows  2 s"),
        (
            Activity("transforming", 4_000, 1_000, began=0.0),
            "transforming  1,000 of 4,000 rows (25 %)  500 rows/s  2 s",
        ),
        (
            Activity("processing", 9, None, "creating 9 contacts", began=0.0),
            "processing  9 rows  creating 9 contacts  2 s",
        ),
        (Activity(step="starting Dagster", began=0.0), "starting Dagster"),
        (Activity("parsing", 4, 1, began=1.5), "parsing  1 of 4 rows (25 %)  0 s"),
    ],
)
def test_an_activity_is_one_line(activity: Activity, line: str) -> None:
    assert described(activity, 2.0) == line


def test_each_phase_says_what_it_does(imports: Imports, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    for name in ("begin", "count", "step"):
        report = getattr(progress, name)

        def telling(*given: object, report: object = report, **named: object) -> None:
            report(*given, **named)  # type: ignore[operator]
            told.append(described(Activity(**{**vars(progress.current()), "began": 0.0}), 0.5))

        monkeypatch.setattr(progress, name, telling)
    imports.completed(CONTENT)
    told.clear()
    imports.completed(CONTENT.replace("Bob,bob", "Bobby,bob") + "Eve,eve@example.com\n", action="overwrite")
    lines = [line.removesuffix("  0 s") for line in told]
    for line in (
        "prevalidation",
        "prevalidation  3 rows",
        "preparsing  3 rows",
        "transforming  3 of 3 rows (100 %)",
        "parsing  3 of 3 rows (100 %)  copying into the staging tables",
        "validation  3 rows  making the plan",
        "waiting until no other import writes",
        "processing  3 rows  updating 1 contacts",
        "processing  1 of 3 rows (33 %)  creating 1 contacts",
        "cleanup  3 rows",
    ):
        assert line in lines, lines


def test_it_is_shown_while_the_database_writes_until_ctrl_c(
    imports: Imports, dagster_home: dict[str, str], tmp_path: Path
) -> None:
    file = imports.source(CONTENT)
    arguments = ("run", file, "--resource", "contact", "--action", "merge")
    env = {**dagster_home, "IMPORTS_ORGANIZATION": imports.organization}
    pressed: list[bytes] = []

    def press(text: str) -> bytes:
        if pressed or "processing  2 rows  creating 2 contacts" not in text:
            return b""
        pressed.append(CTRL_C)
        return CTRL_C

    with trigger(imports, "PERFORM pg_sleep(600);"):
        screen = terminal.run(arguments, env=env, cwd=tmp_path, columns=80, press=press)
    assert (screen.code, pressed) == (130, [CTRL_C]), screen.text
    assert max(map(len, screen.lines)) <= 160
    (import_,) = imports.query(
        "SELECT id, status, code FROM imports WHERE organization_id = %s", imports.organization
    )
    assert (import_["status"], import_["code"]) == (Status.FAILED, "canceled")
    assert f"stopped by Ctrl-C; {import_['id']} ended (failed) and wrote nothing." in " ".join(screen.lines)
    assert "Traceback" not in screen.text
    assert imports.records() == []
    # The cursor is there again.
    assert screen.text.rindex("\x1b[?25h") > screen.text.rindex("\x1b[?25l")

    piped = forked_commands.run_text([*arguments, "--mode", "sync"], env=env, cwd=tmp_path)
    assert (piped.returncode, piped.stderr) == (0, "")
    assert "\x1b" not in piped.stdout
    assert "processing\tsync\t2\t2\t0\t" in piped.stdout
