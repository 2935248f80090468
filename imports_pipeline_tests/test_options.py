"""The one list of options: every way in offers what it declares, with the same words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from imports_pipeline.api.responses.openapi import options_schema
from imports_pipeline.defs import config
from imports_pipeline.model.option_declarations import Group
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.options import Options, declarations
from imports_pipeline_tests.options_page import PAGE, page


def test_the_page_lists_them() -> None:
    assert PAGE.read_text() == page(), "run: python -m imports_pipeline_tests.options_page"


@pytest.mark.parametrize("option", declarations().values(), ids=lambda option: option.name)
def test_every_option_is_described(option) -> None:
    assert option.description.endswith(".")
    assert config.OPTIONS[option.name].description == option.description
    if option.group is not Group.SOURCE:
        assert options_schema()[option.name]["description"] == option.description


def test_the_command_line_has_all_of_them() -> None:
    program = Path(sys.executable).with_name("imports-pipeline")
    shown = subprocess.run(
        [program, "run", "--help"], capture_output=True, text=True, check=True, env={"COLUMNS": "300"}
    ).stdout
    for option in declarations().values():
        assert f"--{option.name.replace('_', '-')}" in shown
        assert option.description in " ".join(shown.replace("│", " ").split())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"timeout": 0}, "timeout: takes a whole number from 1 to 604,800, not 0"),
        ({"header_line": 1_000_001}, "header_line: takes a whole number from 1 to 1,000,000, not 1000001"),
        (
            {"max_deletions": True},
            "max_deletions: takes a whole number from 0 to 1,000,000,000,000, not True",
        ),
        ({"deletion_percent": 100.5}, "deletion_percent: takes a number from 0 to 100, not 100.5"),
        ({"deletion_percent": float("nan")}, "deletion_percent: takes a number from 0 to 100, not nan"),
        ({"dry_run": "yes"}, "dry_run: takes true or false, not 'yes'"),
        ({"mode": "later"}, "mode: 'later' is none of sync, mixed"),
        ({"line_end": "nel"}, "line_end: 'nel' is none of lf, crlf, cr"),
        ({"max_errors": "101%"}, "max_errors: takes a whole number or a share such as 5%, not '101%'"),
        ({"delimiter": ",", "quote": ","}, "delimiter, quote: must differ"),
    ],
)
def test_a_value_out_of_bounds_is_named(given: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        Options.of(given)
    assert str(caught.value) == message


def test_an_unknown_option_names_the_known_ones() -> None:
    with pytest.raises(InvalidOption, match=r"unknown option 'dryrun'; 'dry_run' is probably meant"):
        Options.of({"dryrun": True})


def test_options_survive_json() -> None:
    given = {
        "match_on": "email, phone",
        "column_mapping": {"name": "Who"},
        "max_errors": "5 %",
        "timeout": 60,
    }
    options = Options.of(given)
    assert options.match_on == ("email", "phone")
    assert options.max_errors == "5%"
    assert Options.of(options.as_dict()) == options
