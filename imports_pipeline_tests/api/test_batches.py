"""Batches over HTTP: items without an import, and the batches of imports."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from imports_pipeline.database import write_lock
from imports_pipeline_tests.api.serving import Api, code_of, data_of
from imports_pipeline_tests.journeys import Imports

ITEMS: list[Any] = [
    {"name": "Ada", "email": "ada@example.com", "notes": "two\nlines"},
    {"name": "Bad", "email": "nowhere"},
    {"name": "Cid", "email": "ada@example.com"},
    "no object",
    {"name": "Dot", "groups": [{"name": "x"}]},
    {"name": "Eve", "email": "eve@example.com", "metadata": {"level": 3}, "groups": ["Nobody's"]},
    {"name": "Fay", "email": "fay@example.com", "metadata": {"level": "own"}},
]


def create(caller: httpx.Client, status: int = 201, **body: Any) -> Any:
    return data_of(caller.post("/v1/batches", json={"resource": "contact", **body}), status)


def test_items_are_applied_and_bad_ones_are_named(caller: httpx.Client, imports: Imports) -> None:
    batch = create(
        caller,
        mode="sync",
        duplicate_handling="use_first",
        properties={"metadata": {"level": "default", "source": "crm"}, "unheard_of": 1},
        save_result=True,
        items=ITEMS,
    )
    assert (batch["object"], batch["via"], batch["import_id"]) == ("batch", "api", None)
    assert (batch["status"], batch["stats"]["created"], batch["stats"]["rejected"]) == ("completed", 2, 5)
    assert [phase["name"] for phase in batch["phases"]] == ["parsing", "validation", "processing", "cleanup"]
    parsing, validation = batch["phases"][:2]
    assert (parsing["total"], parsing["error"], validation["total"], validation["error"]) == (7, 4, 3, 1)
    assert batch["ignored_columns"] == ["unheard_of"]
    assert "detected" not in batch
    assert imports.one("Ada")["metadata"] == {"level": "default", "source": "crm"}
    assert imports.one("Ada")["notes"] == "two\nlines"
    assert imports.one("Fay")["metadata"] == {"level": "own", "source": "crm"}
    names = ("errors_json", "errors_csv", "result_json")
    shown = data_of(
        caller.get(f"/v1/batches/{batch['id']}", params={f"include_{name}": True for name in names}), 200
    )
    errors = httpx.get(shown["_errors_json_url"]).json()
    assert [(one["line"], one["phase"], one["errors"][0]["code"]) for one in errors] == [
        (2, "parsing", "invalid_email"),
        (3, "parsing", "duplicate_row"),
        (4, "parsing", "invalid_item"),
        (5, "parsing", "invalid_item"),
        (6, "validation", "unknown_group"),
    ]
    assert {one["line"] for one in httpx.get(shown["_result_json_url"]).json()} == {1, 7}
    assert not data_of(caller.get("/v1/imports"), 200), "a batch is no import"


def test_a_mixed_batch_waits_in_the_queue(caller: httpx.Client, imports: Imports) -> None:
    batch = create(caller, 202, items=ITEMS[:1])
    assert (batch["status"], imports.records()) == ("queued", [])
    imports.workflow.write(batch["id"])
    done = data_of(caller.get(f"/v1/batches/{batch['id']}"), 200)
    assert (done["status"], done["stats"]["created"]) == ("completed", 1)
    queued = create(caller, 202, items=[{"name": "Bob"}])
    canceled = data_of(caller.post(f"/v1/batches/{queued['id']}/cancel"), 200)
    assert (canceled["status"], canceled["code"]) == ("failed", "canceled")
    assert code_of(caller.post(f"/v1/batches/{batch['id']}/cancel"), 409) == "already_ended"


def test_actions_guards_and_undo_are_those_of_imports(caller: httpx.Client, imports: Imports) -> None:
    people = [{"name": f"Person {n}", "external_id": str(n)} for n in range(30)]
    first = create(caller, mode="sync", items=people)
    ids = {record["external_id"]: record["id"] for record in imports.records()}
    plan = create(caller, mode="sync", action="overwrite", dry_run=True, items=people[:5])
    assert (plan["stats"]["overwritten"], len(imports.records())) == (25, 30)
    guarded = create(caller, 422, mode="sync", action="overwrite", items=people[:5])
    assert (guarded["status"], guarded["code"]) == ("failed", "too_many_deletions")
    deleted = create(caller, mode="sync", action="delete", items=[{"id": ids["0"]}, {"id": ids["1"]}])
    assert (deleted["stats"]["deleted"], len(imports.records())) == (2, 28)
    revert = data_of(caller.post(f"/v1/batches/{deleted['id']}/revert"), 201)
    assert (revert["reverts"], len(imports.records())) == (deleted["id"], 30)
    unchanged = create(caller, mode="sync", items=people)
    assert unchanged["stats"]["unchanged"] == 30
    assert first["stats"]["created"] == 30


def test_an_item_with_a_nul_keeps_its_record(caller: httpx.Client, imports: Imports) -> None:
    people = [{"name": name, "email": f"{name}@example.com"} for name in ("ann", "bob", "cid")]
    create(caller, mode="sync", items=people)
    nul = [
        people[0],
        {"name": "B.", "email": "b\0ob@example.com"},
        {"name": "N", "metadata": {"a\0b": "cid"}},
    ]
    planned = create(caller, mode="sync", action="overwrite", dry_run=True, items=nul)
    assert (planned["stats"]["overwritten"], planned["stats"]["rejected"]) == (0, 2)
    done = create(caller, mode="sync", action="overwrite", items=nul)
    assert (done["status"], done["stats"]["overwritten"]) == ("completed", 0)
    assert imports.names() == ["ann", "bob", "cid"]


def test_batches_of_imports_are_listed_too(caller: httpx.Client, api: Api, organization: str) -> None:
    body = {"resource": "contact", "mode": "sync", "data": [{"name": "Ada"}]}
    import_ = data_of(caller.post("/v1/imports", json=body), 201)
    own = create(caller, mode="sync", items=[{"name": "Bob"}])
    listed = data_of(caller.get("/v1/batches"), 200)
    assert [(one["id"], one["via"]) for one in listed] == [(own["id"], "api"), (import_["batch_id"], "file")]
    assert [one["id"] for one in data_of(caller.get("/v1/batches", params={"via": "file"}), 200)] == [
        import_["batch_id"]
    ]
    of_import = data_of(caller.get(f"/v1/batches/{import_['batch_id']}"), 200)
    assert (of_import["import_id"], of_import["stats"]) == (import_["id"], import_["stats"])
    with api.caller(f"{organization}-other") as other:
        assert data_of(other.get("/v1/batches"), 200) == []
        for batch_id in (own["id"], import_["batch_id"]):
            assert code_of(other.get(f"/v1/batches/{batch_id}"), 404) == "not_found"
            assert code_of(other.post(f"/v1/batches/{batch_id}/cancel"), 404) == "not_found"
            assert code_of(other.post(f"/v1/batches/{batch_id}/revert"), 404) == "not_found"
        assert code_of(other.get(f"/v1/imports/{own['id']}"), 404) == "not_found"


def test_the_same_key_gives_the_first_batch(caller: httpx.Client) -> None:
    headers = {"Idempotency-Key": "once"}
    body = {"resource": "contact", "mode": "sync", "items": [{"name": "Ada"}]}
    first = data_of(caller.post("/v1/batches", json=body, headers=headers), 201)
    assert data_of(caller.post("/v1/batches", json=body, headers=headers), 201) == first
    body["items"] = [{"name": "Bob"}]
    assert code_of(caller.post("/v1/batches", json=body, headers=headers), 409) == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_data"),
        ({"items": []}, "invalid_data"),
        ({"items": {}}, "invalid_data"),
        ({"items": [{}], "properties": []}, "invalid_data"),
        ({"items": [{}], "properties": {"a": [[]]}}, "invalid_data"),
        ({"items": [{"name": "A"}], "encoding": "utf-8"}, "invalid_option"),
        ({"items": [{"name": "A"}], "column_mapping": {"name": "x"}}, "invalid_option"),
        ({"items": [{"name": "A"}], "data": "x"}, "invalid_option"),
        ({"items": [{"name": "A"}, {"email": "a@example.com"}], "blank_cells": "clear"}, "invalid_data"),
    ],
)
def test_a_body_that_is_no_batch_is_refused(caller: httpx.Client, body: Any, code: str) -> None:
    assert code_of(caller.post("/v1/batches", json={"resource": "contact", **body}), 400) == code


def test_an_item_that_no_text_can_hold_is_rejected_alone(caller: httpx.Client, imports: Imports) -> None:
    bad = [{"name": "A\0"}, {"name": "B", "groups": ["x\0"]}]
    batch = create(caller, mode="sync", items=[*bad, {"name": "Ada"}])
    assert (batch["status"], batch["stats"]["created"], batch["stats"]["rejected"]) == ("completed", 1, 2)
    assert imports.one("Ada")["name"] == "Ada"
    body = b'{"resource": "contact", "mode": "sync", "items": [{"name": 1e400}, {"name": "Bob"}]}'
    headers = {"Content-Type": "application/json"}
    batch = data_of(caller.post("/v1/batches", content=body, headers=headers), 201)
    assert (batch["stats"]["created"], batch["stats"]["rejected"]) == (1, 1)
    for item in bad:
        refused = caller.post("/v1/imports", json={"resource": "contact", "data": [item]})
        assert code_of(refused, 400) == "invalid_data"


def test_under_clear_a_bad_item_is_rejected_and_numbers_are_those_sent(caller: httpx.Client) -> None:
    items = [5, {"name": "A", "": "x"}, {"name": "Ada", "notes": None}]
    batch = create(caller, mode="sync", blank_cells="clear", items=items)
    assert (batch["status"], batch["stats"]["created"], batch["stats"]["rejected"]) == ("completed", 1, 2)
    body = {"resource": "contact", "blank_cells": "clear", "items": [*items, {"name": "Bob"}]}
    refused = caller.post("/v1/batches", json=body)
    assert code_of(refused, 400) == "invalid_data"
    assert refused.json()["message"].startswith("Item 4 lacks")


def test_items_that_name_nothing_fail_with_a_reason(caller: httpx.Client) -> None:
    batch = create(caller, 422, mode="sync", items=["a", 1, None])
    assert (batch["status"], batch["code"]) == ("failed", "no_header")
    many = [{"name": f"P {n}"} for n in range(201)]
    refused = caller.post("/v1/batches", json={"resource": "contact", "mode": "sync", "items": many})
    assert code_of(refused, 413) == "sync_limit_exceeded"


def test_a_batch_without_a_good_item_fails_and_names_each(caller: httpx.Client, imports: Imports) -> None:
    """All of them fall in the first checks, so nothing is left for those after them, and nothing waits for a write."""
    create(caller, mode="sync", items=[{"name": "A"}])
    items = [{"name": "A", "email": "nowhere"}, {"name": "B", "email": "x"}]
    with imports.workflow.database.connect() as connection, connection.transaction():
        write_lock.lock(connection, imports.organization, "contact")
        batch = create(caller, 422, mode="sync", timeout=20, items=items)
    assert (batch["status"], batch["code"], batch["stats"]["rejected"]) == ("failed", "no_valid_row", 2)
    shown = data_of(caller.get(f"/v1/batches/{batch['id']}", params={"include_errors_json": True}), 200)
    errors = httpx.get(shown["_errors_json_url"]).json()
    assert [(one["line"], one["phase"]) for one in errors] == [(1, "parsing"), (2, "parsing")]
