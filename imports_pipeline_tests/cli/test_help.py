"""Help, version, completion, standard input as a file, and what is said about mistyped names."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from imports_pipeline.cli.app import app
from imports_pipeline.cli.command_help import EXAMPLES
from imports_pipeline_tests import forked_commands
from imports_pipeline_tests.cli import terminal
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.test_documents import problem

CONTENT = "name,email\nAnn,ann@example.com\nBob,nonsense\n"
RUN = ("--resource", "contact", "--action", "merge", "--mode", "sync", "--json")
CHECK = ("--resource", "contact")
NO_LOCATION = "loc_01h2xcejqtf2nbrexx3vqjhp41"


@pytest.fixture
def env(dagster_home: dict[str, str], organization: str) -> dict[str, str]:
    return {**dagster_home, "IMPORTS_ORGANIZATION": organization, "COLUMNS": "200"}


def test_each_command_is_in_a_group_with_an_example_that_the_program_takes() -> None:
    program = typer.main.get_command(app)
    assert isinstance(program, TyperGroup)
    for name, command in program.commands.items():
        assert command.rich_help_panel in ("Import", "Look", "Undo", "Operate"), name
        assert EXAMPLES[name].split()[0] == name
        assert not problem(EXAMPLES[name]), name
        assert command.epilog is not None
        assert EXAMPLES[name] in command.epilog
        assert "Exit statuses: 0 success" in command.epilog


def test_help_version_and_completion(env: dict[str, str], tmp_path: Path) -> None:
    text = forked_commands.run_text(("--help",), env=env, cwd=tmp_path).stdout
    places = [text.index(f" {group} ─") for group in ("Import", "Look", "Undo", "Operate")]
    assert places == sorted(places)
    assert "Example: imports-pipeline run people.csv" in text
    version = forked_commands.run_text(("--version",), env=env, cwd=tmp_path)
    assert version.stdout.split()[0] == "imports-pipeline"
    assert version.stdout.split()[1][0].isdigit()
    asked = {
        "_IMPORTS_PIPELINE_COMPLETE": "complete_bash",
        "COMP_WORDS": "imports-pipeline li",
        "COMP_CWORD": "1",
    }
    completed = forked_commands.run_text((), env={**env, **asked}, cwd=tmp_path)
    assert completed.stdout.split() == ["list", "limits"]


def test_standard_input_is_a_file(imports: Imports, env: dict[str, str], tmp_path: Path) -> None:
    done = forked_commands.run_text(("run", "-", *RUN), env=env, cwd=tmp_path, stdin=CONTENT)
    shown = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (shown["name"], shown["source_uri"], shown["has_upload_file"]) == ("standard input", None, True)
    assert Path(shown["_upload_csv_path"]).read_text() == CONTENT
    assert imports.names() == ["Ann"]
    imports.sound(imports.workflow.get(shown["id"]))
    checked = forked_commands.run_text(
        ("check", "-", "--resource", "contact"), env=env, cwd=tmp_path, stdin=CONTENT
    )
    assert checked.stdout.splitlines()[-1] == "1 of 2 rows would be imported; 1 rejected."
    for command in ("run", "batch"):
        closed = subprocess.run(
            ["sh", "-c", 'exec "$@" <&-', "sh", *forked_commands.program(), command, "-", *RUN],
            env=env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (closed.returncode, closed.stdout) == (2, "")
        assert "standard input, and that is closed" in closed.stderr
    typed = terminal.run(("run", "-", *RUN), env=env, cwd=tmp_path, columns=200)
    assert typed.code == 2
    assert "standard input, and that is a terminal" in typed.text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "-", "x.csv", *RUN), "standard input, which is one file"),
        (("run", "x.csv", *RUN, "--acton", "merge"), "--action"),
        (("run", "x.csv", *RUN, "--known-file", "google-contact"), "perhaps 'google-contacts' is meant"),
        (("run", "x.csv", *RUN, "--column-mapping", "emial=Mail"), "perhaps `email` is meant"),
        (("run", "x.csv", *RUN, "--column-mapping", "shoe=name"), "`shoe`, which is no field of a contact"),
        (("run", "x.csv", *RUN, "--encoding", "nope"), "There is no encoding named 'nope'"),
        (("run", "x.csv", *RUN, "--saved-mapping", "cards"), "there is no saved mapping 'cards'"),
        (("run", "x.csv", "x.csv", *RUN, "--saved-mapping", "cards"), "there is no saved mapping 'cards'"),
        (("run", "x.csv", *RUN, "--location-id", NO_LOCATION), f"There is no location {NO_LOCATION}"),
        (("run", "y.csv", *RUN), "There is no file at y.csv"),
        (("run", f"{'y' * 300}.csv", *RUN), "There is no file at yyy"),
        (("run", ".", *RUN), ". is a folder"),
        (("run", "file:///nothing/y.csv", *RUN), "There is no file at file:///nothing/y.csv"),
        (("run", "ftp://example.com/y.csv", *RUN), "not ftp://"),
        (("run", "y*.csv", *RUN, "--parts"), "No file matches y*.csv"),
        (("check", "y.csv", *CHECK), "There is no file at y.csv"),
        (("check", "x.csv", *CHECK, "--encoding", "nope"), "There is no encoding named 'nope'"),
        (("check", "x.csv", *CHECK, "--column-mapping", "emial=Mail"), "perhaps `email` is meant"),
        (("dev", "--port", "8123", "--api-port", "8123"), "8123 is the --port of Dagster's web server"),
        (("dev", "--pages-port", "8000"), "8000 is the port of another server"),
        (("dev", "--port", "0"), "--port"),
        (("lst",), "Did you mean 'list'?"),
    ],
    ids=lambda value: (
        " ".join(one for one in value if one not in RUN)[:60] if isinstance(value, tuple) else ""
    ),
)
def test_what_is_mistyped_is_told_and_nothing_is_registered(
    imports: Imports, env: dict[str, str], tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "x.csv").write_text(CONTENT)
    done = forked_commands.run_text(arguments, env=env, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert imports.query("SELECT FROM imports WHERE organization_id = %s", imports.organization) == []


def test_mistyped_names_in_a_file_of_syncs_are_told(env: dict[str, str], tmp_path: Path) -> None:
    entry = "{{name: {}, resource: contact, {}: a.csv, cron: '0 2 * * *', action: merge, {}: {}}}"
    (tmp_path / "syncs.yaml").write_text(
        "\n".join(
            f"- {entry.format(*one)}"
            for one in (
                ("one", "source", "dryrun", "true"),
                ("two", "source", "time-zone", "UTC"),
                ("three", "sorce", "mode", "sync"),
            )
        )
    )
    done = forked_commands.run_text(("syncs", "syncs.yaml"), env=env, cwd=tmp_path)
    assert done.returncode == 1
    assert "sync one: unknown option 'dryrun'; 'dry_run' is probably meant." in done.stderr
    assert "sync two: unknown option 'time-zone'; 'timezone' is probably meant." in done.stderr
    assert "sync three: source is missing; 'sorce' is probably meant for it." in done.stderr
