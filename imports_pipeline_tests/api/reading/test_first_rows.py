"""How the columns of a file were understood, and its first rows as written and as understood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from imports_pipeline.import_phases.shown_rows.understood_columns import RULES
from imports_pipeline_tests.api.serving import Api, code_of, data_of

NOBODY = f"imp_{'0' * 26}"
FILE = (
    "Vorname;Nachname;E-Mail;E-Mail (privat);Mobile;Kundennummer;Shoe size;\n"
    "Ada;Lovelace; ADA@example.com ;ada@home.example;0176 1234567;17;39;\n"
    "Bob;Ray;nowhere;;;18;44;\n"
    "Cid;Campeador;cid@example.com;;;19;;;too;many\n"
    "Dan;Brown;ada@example.com;;;20;;\n"
)


def _sent(caller: httpx.Client, content: str | bytes, status: int = 201, **options: str) -> dict[str, Any]:
    form = {"resource": "contact", "mode": "sync", "dry_run": "true", "default_region": "DE"}
    form |= {"bad_cells": "reject", **options}
    content = content.encode() if isinstance(content, str) else content
    answer = caller.post("/v1/imports", data=form, files={"file": ("people.csv", content)})
    import_: dict[str, Any] = data_of(answer, status)
    return import_


def _rows(caller: httpx.Client, import_: dict[str, Any], **query: int) -> dict[str, Any]:
    shown: dict[str, Any] = data_of(caller.get(f"/v1/imports/{import_['id']}/rows", params=query), 200)
    return shown


def test_columns_and_rows_are_shown_as_written_and_as_understood(caller: httpx.Client) -> None:
    shown = _rows(
        caller,
        _sent(caller, FILE, column_mapping='{"metadata.shoes": "Shoe size"}', duplicate_handling="use_first"),
    )
    understood = [(one["position"], one["header"], one["field"], one["how"]) for one in shown["columns"]]
    assert understood == [
        (1, "Vorname", "name", "words"),
        (2, "Nachname", "name", "words"),
        (3, "E-Mail", "email", "name"),
        (4, "E-Mail (privat)", "alternate_emails.personal", "words"),
        (5, "Mobile", "phone", "alias"),
        (6, "Kundennummer", "external_id", "words"),
        (7, "Shoe size", "metadata.shoes", "column_mapping"),
        (8, "", None, "ignored"),
    ]
    assert [one["ignored"] for one in shown["columns"]] == [False] * 7 + [True]
    assert shown["columns"][0]["samples"] == ["Ada", "Bob", "Cid"]
    assert shown["columns"][6]["samples"] == ["39", "44"], "what is blank is no sample"
    assert shown["columns"][5]["samples"] == ["17", "18", "19"]
    ada, bob, cid, dan = shown["rows"]
    assert [row["line"] for row in shown["rows"]] == [2, 3, 4, 5]
    assert ada["cells"][2] == " ADA@example.com "
    assert (ada["record"]["name"], ada["record"]["phone"]) == ("Ada Lovelace", "+491761234567")
    assert ada["record"]["metadata.shoes"] == "39"
    assert (ada["errors"], ada["rejected"]) == ([], False)
    assert (bob["record"], bob["cells"][:3]) == (None, ["Bob", "Ray", "nowhere"])
    assert [row["rejected"] for row in shown["rows"]] == [False, True, True, True]
    assert [(one["field"], one["code"]) for one in bob["errors"]] == [("email", "invalid_email")]
    assert bob["errors"][0]["message"]
    assert cid["record"] is None
    assert cid["cells"][8:] == ["too", "many"]
    assert dan["record"]["name"] == "Dan Brown", "it was understood, and a later phase rejected it"
    assert [(one["field"], one["code"]) for one in dan["errors"]] == [("email", "duplicate_row")]
    fewer = _rows(caller, _sent(caller, FILE, bad_cells="leave_out"), limit=2)
    assert [row["line"] for row in fewer["rows"]] == [2, 3]
    bob = fewer["rows"][1]
    assert (bob["record"]["name"], bob["rejected"]) == ("Bob Ray", False)
    assert [(one["field"], one["code"]) for one in bob["errors"]] == [("email", "cell_left_out")]
    assert [one["ignored"] for one in fewer["columns"][6:]] == [True, True]
    assert fewer["columns"][1]["samples"] == ["Lovelace", "Ray", "Campeador"], (
        "of rows that are not shown too"
    )


def test_the_docs_have_the_rules_by_which_a_column_is_understood() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/api.md").read_text()
    assert [rule for rule, why in RULES.items() if f"| `{rule}` | {why} |" not in page] == []


def test_a_file_that_could_not_be_mapped_is_shown_with_what_its_headers_say(caller: httpx.Client) -> None:
    failed = _sent(caller, "Mail,Who,Phone\nada@example.com,Ada,1\n", 422, match_on="external_id")
    assert failed["code"] == "missing_column", failed["reason"]
    shown = _rows(caller, failed)
    assert [(one["header"], one["field"], one["how"]) for one in shown["columns"]] == [
        ("Mail", "email", "alias"),
        ("Who", None, "ignored"),
        ("Phone", "phone", "name"),
    ]
    assert shown["rows"] == [
        {"line": 2, "cells": ["ada@example.com", "Ada", "1"], "record": None, "rejected": False, "errors": []}
    ]


def test_what_has_no_rows_says_why(api: Api, organization: str, caller: httpx.Client) -> None:
    awaited = data_of(caller.post("/v1/imports", json={"resource": "contact", "data": None}), 202)
    none_yet = caller.get(f"/v1/imports/{awaited['id']}/rows")
    assert code_of(none_yet, 409) == "no_rows"
    no_table = _sent(caller, b"\x00\x01\x02", 422)
    answer = caller.get(f"/v1/imports/{no_table['id']}/rows")
    assert code_of(answer, 409) == "no_rows"
    assert answer.json()["message"] == no_table["reason"]
    with api.caller(f"{organization}-other") as theirs:
        other = theirs.get(f"/v1/imports/{awaited['id']}/rows")
        assert code_of(other, 404) == "not_found"
        assert other.json()["message"] == theirs.get(f"/v1/imports/{NOBODY}/rows").json()["message"]
