"""What `check` and `run` say at their end: how many rows are imported, and which columns are not used."""

from __future__ import annotations

import json
import re
from pathlib import Path

from imports_pipeline_tests.cli.test_commands import Shell, shell
from imports_pipeline_tests.cli.test_reading import command
from imports_pipeline_tests.journeys import Imports

__all__ = ["shell"]

#: Headers that say nothing of their cells, which are addresses, phones, names, ids and names of groups.
UNUSED = (
    "email,Old box,Fax-ish,Stage name,Legacy uuid,Tags,Shoe\n"
    "ann@example.org,a.lee@example.net,+12015550123,Ann Lee,0b6f6ae2-6f0a-4d07-9f5e-1d2c3b4a5968,Board,38\n"
    'bob@example.org,b.ray@example.net,+12015550148,Bob Ray,0b6f6ae2-6f0a-4d07-9f5e-1d2c3b4a5969,"Board, Staff",40\n'
    "nobody,c.orr@example.net,+12015550199,Cid Orr,0b6f6ae2-6f0a-4d07-9f5e-1d2c3b4a5970,,41\n"
)
FOUND = {
    "Old box": ("email addresses", "alternate_emails.other"),
    "Fax-ish": ("phone numbers", "phone"),
    "Stage name": ("names", "name"),
    "Legacy uuid": ("ids", "external_id"),
    "Tags": ("names of groups", "groups.add"),
}
BY_EMAIL = ("--resource", "contact", "--missing-name", "email", "--known-file", "none")


def test_check_ends_with_a_verdict(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(UNUSED)
    code, out, _ = command(tmp_path, "check", "a.csv", *BY_EMAIL)
    last = out.splitlines()[-1]
    assert code == 0
    assert last.startswith(
        "2 of 3 rows would be imported; 1 rejected; columns that look like values of a contact"
    )
    assert out.count("are not used") == 1, "the verdict is not repeated as a notice"
    code, out, _ = command(tmp_path, "check", "a.csv", *BY_EMAIL, "--json")
    shown = json.loads(out)
    assert shown["verdict"] == last
    (notice,) = shown["notices"]
    assert notice["code"] == "unused_columns"
    said = re.findall(r"`([^`]+)` \(([^:]+): give column_mapping ([\w.]+)=([^)]+)\)", notice["message"])
    assert {name: (what, field) for name, what, field, _ in said} == FOUND

    # What the notice says works.
    mapped = [part for _, _, field, name in said for part in ("--column-mapping", f"{field}={name}")]
    code, out, _ = command(tmp_path, "check", "a.csv", *BY_EMAIL, *mapped, "--json")
    shown = json.loads(out)
    assert shown["notices"] == []
    assert shown["detected"]["columns"] == {
        "email": "email",
        **{field: name for name, (_, field) in FOUND.items()},
    }
    assert shown["verdict"] == "2 of 3 rows would be imported; 1 rejected."


def test_check_fails_on_rejects_if_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("name,email\nAnn,ann@example.org\nBob,bob@@example.org\n")
    (tmp_path / "twice.csv").write_text("name,email\nAnn,ann@example.org\nBob,ann@example.org\nCid,\n")
    (tmp_path / "good.csv").write_text("name,email\nAnn,ann@example.org\n")
    strict = ("--resource", "contact", "--fail-on-rejects")
    codes = {name: command(tmp_path, "check", f"{name}.csv", *strict)[0] for name in ("bad", "twice", "good")}
    assert codes == {"bad": 1, "twice": 1, "good": 0}
    code, out, _ = command(tmp_path, "check", "bad.csv", *strict, "--bad-cells", "leave_out", "--json")
    assert (code, json.loads(out)["rejected"]) == (1, 1), "the email decides whose the row is"
    (tmp_path / "phone.csv").write_text("name,phone\nAnn,12\n")
    code, out, _ = command(tmp_path, "check", "phone.csv", *strict, "--bad-cells", "leave_out", "--json")
    assert (code, json.loads(out)["warnings"]) == (0, 1), "a value that is left out rejects nothing"
    assert json.loads(out)["verdict"] == "1 of 1 row would be imported."


def test_run_ends_with_a_verdict(shell: Shell, imports: Imports) -> None:
    (shell.folder / "a.csv").write_text(UNUSED)
    run = ("run", "a.csv", *BY_EMAIL, "--action", "merge")
    dry = shell(*run, "--dry-run").out.splitlines()
    said = [line for line in dry if "rows would be imported; 1 rejected; columns that look like" in line]
    assert len(said) == 1
    done = shell(*run).out.splitlines()
    (said,) = [line for line in done if " of 3 rows " in line]
    assert said.startswith(
        "2 of 3 rows were imported; 1 rejected; columns that look like values of a contact"
    )
    assert all(
        f"`{name}` ({what}: give column_mapping {field}=" in said for name, (what, field) in FOUND.items()
    )
    assert len(imports.records()) == 2
