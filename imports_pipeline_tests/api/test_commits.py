"""Commits, approvals and rejections over HTTP: once, exactly as it was seen, by a key of the same organization."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from imports_pipeline.api.responses.openapi_decisions import COMMIT_EXAMPLES, CORRECTION_EXAMPLES
from imports_pipeline_tests.api.serving import Api, code_of, data_of
from imports_pipeline_tests.journeys import Imports

PEOPLE = [{"name": "Ada", "external_id": "1"}, {"name": "Bob", "external_id": "2"}]


def plan(caller: httpx.Client, **how: Any) -> Any:
    body = {"resource": "contact", "mode": "sync", "dry_run": True, "data": PEOPLE, **how}
    return data_of(caller.post("/v1/imports", json=body), 201)


def test_a_double_click_makes_one_import(caller: httpx.Client, imports: Imports) -> None:
    planned = plan(caller)
    assert len(planned["plan_checksum"]) == 64
    body = {"plan_checksum": planned["plan_checksum"], "expected": {"created": 2, "rejected": 0}}

    def click(_: int) -> Any:
        answer = caller.post(f"/v1/imports/{planned['id']}/commit", json=body)
        return data_of(answer, answer.status_code)

    with ThreadPoolExecutor(3) as threads:
        (made,) = {one["id"] for one in threads.map(click, range(3))}
    done = data_of(caller.post(f"/v1/imports/{planned['id']}/commit", json=body), 201)
    assert (done["id"], done["status"], done["stats"]["created"]) == (made, "completed", 2)
    assert (done["commits"], done["dry_run"], done["source"]) == (planned["id"], False, "api")
    assert done["plan_checksum"] == done["expected_plan_checksum"] == planned["plan_checksum"]
    assert data_of(caller.get(f"/v1/imports/{planned['id']}"), 200)["commit"] == made
    assert len(imports.records()) == 2


def test_a_plan_that_changed_is_refused_with_what_changed(caller: httpx.Client, imports: Imports) -> None:
    planned = plan(caller)
    url = f"/v1/imports/{planned['id']}/commit"
    assert code_of(caller.post(url, json={"expected": {"created": 3}}), 409) == "plan_changed"
    data_of(caller.post("/v1/imports", json={"resource": "contact", "mode": "sync", "data": PEOPLE[:1]}), 201)
    answer = caller.post(url, json={"expected": {"created": 2}})
    assert code_of(answer, 409) == "plan_changed"
    assert answer.json()["errors"] == [
        {"code": "plan_changed", "field": "created", "message": "2 before, 1 now"},
        {"code": "plan_changed", "field": "unchanged", "message": "0 before, 1 now"},
    ]
    failed = answer.json()["data"]
    assert (failed["status"], failed["code"], failed["commits"]) == ("failed", "plan_changed", planned["id"])
    assert "No longer in it: Ada (created)." in failed["reason"]
    assert imports.names() == ["Ada"]
    again = caller.post(url, json={"plan_checksum": failed["plan_checksum"], "mode": "mixed"})
    queued = data_of(again, 202)
    assert (queued["mode"], queued["status"]) == ("mixed", "queued")
    data_of(caller.post(f"/v1/imports/{queued['id']}/cancel"), 200)


def test_what_is_no_commit_is_refused(caller: httpx.Client) -> None:
    planned = plan(caller)
    url = f"/v1/imports/{planned['id']}/commit"
    checksum: dict[str, Any] = {"plan_checksum": planned["plan_checksum"]}
    for body in (
        {},
        {"expected": {}},
        {"expected": [1]},
        {"expected": {"made": 1}},
        {"expected": {"created": -1}},
        {"plan_checksum": 1},
        {**checksum, "mode": "async"},
        {**checksum, "now": True},
    ):
        assert code_of(caller.post(url, json=body), 400) == "invalid_request", body
    done = data_of(caller.post(url, json={"plan_checksum": planned["plan_checksum"]}), 201)
    refused = caller.post(f"/v1/imports/{done['id']}/commit", json={"plan_checksum": done["plan_checksum"]})
    assert code_of(refused, 409) == "nothing_to_commit"


def test_another_organizations_plan_is_not_there(api: Api, organization: str, caller: httpx.Client) -> None:
    planned = plan(caller)
    body = {"plan_checksum": planned["plan_checksum"]}
    with api.caller(f"{organization}-other") as theirs:
        for path, sent in (("commit", body), ("approve", body), ("reject", {"reason": "x"})):
            assert code_of(theirs.post(f"/v1/imports/{planned['id']}/{path}", json=sent), 404) == "not_found"
        own = plan(theirs)
    assert own["plan_checksum"] == planned["plan_checksum"], "the same is done"
    assert data_of(caller.get(f"/v1/imports/{planned['id']}"), 200)["commit"] is None


def test_a_refused_import_is_approved_or_rejected_by_a_key_of_its_own(
    api: Api, organization: str, caller: httpx.Client, imports: Imports
) -> None:
    people = [{"name": f"n{number}", "external_id": str(number)} for number in range(20)]
    how = {"resource": "contact", "mode": "sync"}
    data_of(caller.post("/v1/imports", json={**how, "data": people}), 201)
    body = {**how, "action": "overwrite", "data": people[:1]}
    first, second = (data_of(caller.post("/v1/imports", json=body), 422) for _ in range(2))
    assert first["plan_checksum"] == second["plan_checksum"]
    assert waiting(caller) == [second["id"], first["id"]]
    with api.caller(f"{organization}-other") as other:
        assert waiting(other) == []
    shown = data_of(caller.get(f"/v1/imports/{first['id']}"), 200)
    assert shown["people"] == {}, "the key has no name"
    with api.database.connect() as connection:
        connection.execute("UPDATE api_keys SET name = 'Ann' WHERE organization_id = %s", (organization,))
    shown = data_of(caller.get(f"/v1/imports/{first['id']}"), 200)
    assert shown["people"] == {shown["created_by"]: "Ann"}
    with api.caller(organization, "imports:approve") as approver:
        url = f"/v1/imports/{first['id']}"
        for wrong in (
            {},
            {"reason": " "},
            {"reason": 1},
            {"reason": "x" * 1001},
            {"reason": "x", "by": "me"},
        ):
            assert code_of(approver.post(f"{url}/reject", json=wrong), 400) == "invalid_request", wrong
        assert code_of(approver.post(f"{url}/approve", json={"plan_checksum": 1}), 400) == "invalid_request"
        said = [approver.post(f"{url}/reject", json={"reason": "Oslo is missing"}) for _ in range(2)]
        rejected = [data_of(one, 200) for one in said]
        assert rejected[0] == rejected[1]
        assert rejected[0]["rejection_reason"] == "Oslo is missing"
        assert rejected[0]["rejected_by"].startswith("key:")
        assert code_of(approver.post(f"{url}/approve"), 409) == "already_rejected"
        assert waiting(caller) == [second["id"]]
        url = f"/v1/imports/{second['id']}"
        body = {"max_deletions": 19, "plan_checksum": "0" * 64}
        assert code_of(approver.post(f"{url}/approve", json=body), 409) == "plan_changed"
        data_of(caller.post("/v1/imports", json={**how, "data": [{"name": "Zoe"}]}), 201)
        answer = approver.post(f"{url}/approve", json={**body, "plan_checksum": second["plan_checksum"]})
        assert code_of(answer, 409) == "plan_changed"
        assert [one["field"] for one in answer.json()["errors"]] == ["overwritten"]
        changed = answer.json()["data"]
        assert waiting(caller) == [changed["id"]], "its new plan waits, and the one before does not"
        body = {"plan_checksum": changed["plan_checksum"]}
        done = data_of(approver.post(f"/v1/imports/{changed['id']}/approve", json=body), 201)
        assert (done["stats"]["overwritten"], done["max_deletions"]) == (20, 20)
        assert done["plan_checksum"] == done["expected_plan_checksum"] == changed["plan_checksum"]
        assert code_of(approver.post(f"{url}/reject", json={"reason": "x"}), 409) == "nothing_to_reject"
        assert code_of(approver.post(f"{url}/approve"), 409) == "nothing_to_approve", (
            "its new plan was approved"
        )
    assert waiting(caller) == []
    assert imports.names() == ["n0"]


def test_an_undo_does_what_its_plan_shows(caller: httpx.Client, imports: Imports) -> None:
    how = {"resource": "contact", "mode": "sync", "missing_groups": "create"}
    people = [{"name": name, "external_id": name, "groups": "Staff"} for name in ("Ada", "Bob", "Cid")]
    done = data_of(caller.post("/v1/imports", json={**how, "data": people}), 201)
    url = f"/v1/imports/{done['id']}/revert"
    first, again = (data_of(caller.post(url, json={"dry_run": True}), 201) for _ in range(2))
    assert len(first["plan_checksum"]) == 64
    assert first["plan_checksum"] == again["plan_checksum"]
    # Somebody changes a record after its undo was planned.
    data_of(caller.post("/v1/imports", json={**how, "data": [{"external_id": "Bob", "notes": "new"}]}), 201)
    commit = f"/v1/imports/{first['id']}/commit"
    body = {"plan_checksum": first["plan_checksum"]}
    refused = caller.post(commit, json=body)
    assert code_of(refused, 409) == "plan_changed"
    changes = {one["field"]: one["message"] for one in refused.json()["errors"]}
    assert changes["deleted"] == "3 before, 2 now"
    changed = refused.json()["data"]
    assert (changed["commits"], changed["reverts"]) == (first["id"], done["id"])
    assert "Bob (conflict)" in changed["reason"]
    assert imports.names() == ["Ada", "Bob", "Cid"]
    listed = data_of(caller.get(f"/v1/imports/{changed['id']}/plan", params={"search": "Bob"}), 200)
    assert [one["operation"] for one in listed] == ["conflict"]
    assert code_of(caller.post(commit, json={"plan_checksum": "0" * 64}), 409) == "plan_changed"
    # The plan that is seen now is carried out, once.
    body = {"plan_checksum": changed["plan_checksum"]}
    undone, twice = (data_of(caller.post(commit, json=body), 201) for _ in range(2))
    assert undone["id"] == twice["id"]
    assert (undone["stats"]["deleted"], undone["plan_checksum"]) == (2, changed["plan_checksum"])
    assert imports.names() == ["Bob"]
    assert data_of(caller.get(f"/v1/imports/{done['id']}"), 200)["reverted_by"] == undone["id"]


def waiting(caller: httpx.Client) -> list[str]:
    """Return the ids of the imports that wait for an approval, the newest first."""
    found = data_of(caller.get("/v1/imports", params={"awaiting": "approval", "limit": 10}), 200)
    return [one["id"] for one in found]


def test_the_examples_of_decisions_work(caller: httpx.Client) -> None:
    first = plan(caller, data=[{"name": "Ada"}, {"name": "Bob", "email": "nowhere"}])
    url = "/v1/imports/{}/{}"
    for example in CORRECTION_EXAMPLES.values():
        data_of(caller.post(url.format(first["id"], "corrections"), json=example), 201)
    counted, exact = COMMIT_EXAMPLES.values()
    assert data_of(caller.post(url.format(first["id"], "commit"), json=counted), 201)["stats"]["created"] == 1
    assert code_of(caller.post(url.format(first["id"], "commit"), json=exact), 409) == "plan_changed"
