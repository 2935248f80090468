"""The documents say what the code does: error codes, commands, options, settings, routes and fields."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import typer
from typer.core import TyperGroup

from imports_pipeline.api.app import create_app
from imports_pipeline.api.responses.envelope import API_CODES
from imports_pipeline.cli.app import app
from imports_pipeline.filestore.opening import open_store
from imports_pipeline.model.errors import IMPORT_CODES, ROW_CODES
from imports_pipeline.model.imports import MORE_STATS, STATS, Import
from imports_pipeline.model.notices import NOTICE_CODES
from imports_pipeline.model.options import Options, declarations
from imports_pipeline.model.statuses import Status
from imports_pipeline.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("*/README.md")]

# Words of a command line that follow the program's name, in a block or in a code span.
_COMMAND = re.compile(r"imports-pipeline ((?:[^`\n\\#&|]|\\\n)*)")
# Fields of the import object that routes add to the stored ones.
_ADDED_BY_ROUTES = ("_upload_url", "_errors_csv_url", "_errors_json_url", "_result_json_url", "_plan_csv_url")


def test_every_error_code_is_documented_with_its_meaning() -> None:
    rows, rest = (DOCS / "reference/errors.md").read_text().split("## Imports")
    imports, rest = rest.split("## Notices")
    notices, api = rest.split("## The HTTP API")
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", rows, re.M)) == ROW_CODES
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", imports, re.M)) == IMPORT_CODES
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", notices, re.M)) == NOTICE_CODES
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", api, re.M)) == API_CODES


def test_every_command_line_of_the_docs_is_one_that_the_program_takes() -> None:
    lines = [(page.name, line) for page in PAGES for line in _COMMAND.findall(page.read_text())]
    assert len(lines) > 40
    wrong = [f"{page}: {line}: {why}" for page, line in lines if (why := problem(line))]
    assert not wrong


def test_every_row_of_the_table_of_commands_is_a_command_with_its_options() -> None:
    table = (DOCS / "reference/command-line.md").read_text().partition("| exit status")[0]
    cells = re.findall(r"^\| (`.*?`) \| ", table, re.M)
    assert len(cells) > 20
    wrong = [
        why
        for cell in cells
        for line in re.findall(r"`(.*?)`", cell.replace("\\|", "|"))
        if (why := problem(line))
    ]
    assert not wrong


def problem(line: str) -> str:
    """Return why the program would refuse the command line, or an empty text."""
    try:
        words = [word for word in shlex.split(line.replace("\\\n", " ")) if word not in ("[", "]")]
    except ValueError:
        words = line.split()
    command = typer.main.get_command(app)
    while isinstance(command, TyperGroup) and words and not words[0].startswith(("-", "COMMAND")):
        name, *words = words
        if name not in command.commands:
            return f"there is no command {name}"
        command = command.commands[name]
    options = {"--help", *(name for one in command.params for name in (*one.opts, *one.secondary_opts))}
    given = {word.strip("[].,;:)").partition("=")[0] for word in words if word.startswith(("--", "[--"))}
    # `exec` passes the options of the other program on.
    return (
        "" if command.name == "exec" or given <= options else f"there is no option {sorted(given - options)}"
    )


def test_every_command_is_on_the_page_of_the_command_line() -> None:
    page = (DOCS / "reference/command-line.md").read_text()
    missing = [name for name in _commands(typer.main.get_command(app)) if f"`{name}" not in page]
    assert not missing


def _commands(command: object, before: str = "") -> Iterator[str]:
    for name, one in command.commands.items() if isinstance(command, TyperGroup) else ():
        yield from _commands(one, f"{before}{name} ") if isinstance(one, TyperGroup) else [f"{before}{name}"]


def test_every_setting_of_the_environment_is_documented_and_exists() -> None:
    read = set(re.findall(r'"(IMPORTS_[A-Z_]+)"', (ROOT / "imports_pipeline/settings.py").read_text()))
    listed = set(re.findall(r"`(IMPORTS_[A-Z_]+)", (DOCS / "reference/command-line.md").read_text()))
    assert not read - listed
    code = "".join(path.read_text() for path in (ROOT / "imports_pipeline").rglob("*.py"))
    named = {name for page in PAGES for name in re.findall(r"\b(IMPORTS_[A-Z_]+[A-Z])\b", page.read_text())}
    tests = "".join(
        path.read_text() for path in (ROOT / "Makefile", *(ROOT / "imports_pipeline_tests").rglob("*.py"))
    )
    assert not [name for name in sorted(named) if name not in code and name not in tests]


def test_every_route_is_on_the_page_of_the_http_api(tmp_path: Path) -> None:
    page = (DOCS / "reference/api.md").read_text()
    settings = Settings(home=tmp_path)
    paths = create_app(settings, "postgresql://", open_store(settings)).openapi()["paths"]
    shown = {re.sub(r"\{\w+\}", "{id}", path).replace("/v1/batches", "/v1/imports") for path in paths}
    assert not [path for path in sorted(shown) if path not in page and not path.startswith("/v1/files/")]


def test_every_field_of_the_import_object_is_documented() -> None:
    statuses = (DOCS / "reference/statuses.md").read_text()
    now = datetime.now(UTC)
    stored = Import("imp_1", "default", "contact", Options(), Status.REQUESTED, "cli", now, now).as_object()
    names = [*stored, *STATS, *MORE_STATS, *_ADDED_BY_ROUTES, *Status]
    missing = [name for name in names if f"`{name}`" not in statuses and name not in declarations()]
    assert not missing
