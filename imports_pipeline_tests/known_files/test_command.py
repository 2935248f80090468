"""The command `known-files`."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from imports_pipeline.cli.app import app
from imports_pipeline.schemas.column_mapping.known_files.recognition import known_files

WIDE = {"COLUMNS": "250"}


def test_it_lists_all() -> None:
    shown = CliRunner().invoke(app, ["known-files"], env=WIDE)
    assert shown.exit_code == 0
    assert all(name in shown.stdout for name in known_files())
    listed = json.loads(CliRunner().invoke(app, ["known-files", "--json"]).stdout)
    assert {one["name"]: one["product"] for one in listed} == {
        name: one.product for name, one in known_files().items()
    }


def test_it_shows_one() -> None:
    shown = CliRunner().invoke(app, ["known-files", "google-contacts"]).stdout
    assert "First Name, Last Name, File As, Organization Name, Labels\n" in shown
    assert "  Labels: groups.add\n" in shown
    assert "  missing_groups: create\n" in shown
    assert '  email: ":::"\n' in shown
    assert "No source: labels in languages other than English\n" in shown
    one = json.loads(CliRunner().invoke(app, ["known-files", "mailchimp", "--json"]).stdout)
    assert one["columns"]["EUID"] == "external_id"
    assert one["sources"][0] == {
        "what": "header and cells",
        "where": "buttondown/roadmap, issue 2276",
        "date": "2024-01",
    }


def test_it_shows_those_of_ones_own_folder_and_their_faults(tmp_path: Path) -> None:
    file = tmp_path / "our-crm.yaml"
    file.write_text("{product: Our CRM, signature: [[Cust No, Cust Name]]}")
    environment = {"IMPORTS_KNOWN_FILES": str(tmp_path)}
    shown = CliRunner().invoke(app, ["known-files", "our-crm"], env=environment)
    assert shown.stdout.startswith("Our CRM\n")
    file.write_text("{product: Our CRM}")
    broken = CliRunner().invoke(app, ["known-files"], env=environment)
    assert broken.exit_code == 2
    assert "known file our-crm: signature is missing" in broken.stderr


def test_an_unknown_name() -> None:
    unknown = CliRunner().invoke(app, ["known-files", "google-contact"])
    assert unknown.exit_code == 2
    assert "perhaps 'google-contacts' is meant" in unknown.stderr
