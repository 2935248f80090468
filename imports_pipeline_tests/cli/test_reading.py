"""`read` and `check`: real processes, no database."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from imports_pipeline_tests import forked_commands

CONTACTS = "Name,E-mail,Shoe\nAnn,ann@example.org,38\nBob,nonsense,40\nCid,cid@example.org,1\nDee,cid@example.org,2\n"


def command(folder: Path, *arguments: str) -> tuple[int, str, str]:
    environment = {"PATH": "/usr/bin:/bin", "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    done = forked_commands.run_text(arguments, cwd=folder, env=environment)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_read_tells_of_every_record_of_every_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('x;y\n1;"two\nlines"\n3;4;5\n6;7\n')
    (tmp_path / "b.bin").write_bytes(b"\x7fELF\0\0\0")
    code, out, _ = command(tmp_path, "read", "a.csv", "none.csv", "b.bin", "a.csv")
    assert code == 0
    seen = objects(out)
    assert [(one["file"], one["kind"], one["line"]) for one in seen] == [
        ("a.csv", "header", 1), ("a.csv", "row", 2), ("a.csv", "reject", 4), ("a.csv", "row", 5),
        ("none.csv", "reject", 0), ("b.bin", "reject", 0),
        ("a.csv", "header", 1), ("a.csv", "row", 2), ("a.csv", "reject", 4), ("a.csv", "row", 5),
    ]  # fmt: skip
    assert seen[0] == {
        "file": "a.csv", "kind": "header", "line": 1, "cells": ["x", "y"],
        "encoding": "utf-8", "delimiter": ";", "quote": '"',
    }  # fmt: skip
    assert seen[1]["cells"] == ["1", "two\nlines"]
    assert (seen[2]["code"], seen[2]["byte_offset"], seen[2]["raw"]) == ("too_many_cells", 18, "3;4;5")
    assert [one["code"] for one in seen[4:6]] == ["source_not_found", "not_a_table"]


def test_what_is_given_is_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('n;m\nA;"x\\"y;z"\nB;"q"\n')
    assert [one["kind"] for one in objects(command(tmp_path, "read", "a.csv")[1])] == ["header", "row", "row"]
    given = objects(command(tmp_path, "read", "a.csv", "--escape", "", "--limit", "1")[1])
    assert [one["kind"] for one in given] == ["header", "reject"]
    given = objects(
        command(tmp_path, "read", "a.csv", "--delimiter", ",", "--quote", "", "--line-end", "lf")[1]
    )
    assert given[1]["cells"] == ['A;"x\\"y;z"']
    assert command(tmp_path, "read", "a.csv", "--delimiter", ";", "--quote", ";")[0] == 2


def test_check_finds_what_an_import_would(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CONTACTS)
    code, out, _ = command(tmp_path, "check", "a.csv", "--resource", "contact", "--errors", "e.csv", "--json")
    shown = json.loads(out)
    assert code == 0
    assert [(p["name"], p["total"], p["success"], p["error"]) for p in shown["phases"]] == [
        ("prevalidation", 4, 3, 1),
        ("preparsing", 3, 1, 2),
    ]
    assert shown["detected"]["columns"] == {"name": "Name", "email": "E-mail"}
    assert shown["detected"]["ignored_columns"] == ["Shoe"]
    with (tmp_path / "e.csv").open(newline="") as file:
        assert [(row["Name"], row["_line"], row["_code"]) for row in csv.DictReader(file)] == [
            ("Bob", "3", "invalid_email"), ("Cid", "4", "duplicate_row"), ("Dee", "5", "duplicate_row"),
        ]  # fmt: skip
    code, out, _ = command(tmp_path, "check", "a.csv", "--resource", "contact")
    assert code == 0
    assert "invalid_email" in out
    assert "prevalidation: 4 rows, 3 passed, 1 rejected" in out


def test_check_says_why_a_file_cannot_be_imported(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CONTACTS)
    (tmp_path / "b.csv").write_text("Nmae,street\nAnn,Elm\n")
    code, out, _ = command(
        tmp_path, "check", "a.csv", "--resource", "contact", "--max-errors", "50%", "--json"
    )
    assert (code, json.loads(out)["code"]) == (1, "too_many_errors")
    code, out, _ = command(tmp_path, "check", "b.csv", "--resource", "contact")
    assert code == 1
    assert "did you mean `Nmae`?" in " ".join(out.split())


def test_check_says_that_letters_were_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,email\nMÃ¼ller,m@example.org\n", "utf-8")
    code, out, _ = command(tmp_path, "check", "a.csv", "--resource", "contact", "--json")
    assert code == 0
    assert [one["code"] for one in json.loads(out)["notices"]] == ["misread_letters"]
