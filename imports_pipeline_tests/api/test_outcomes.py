"""An answer says how the import that it made ended: HTTP status, ``status``, ``code`` and message agree."""

from __future__ import annotations

import base64
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import requests

from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.api.serving import Api, code_of, data_of
from imports_pipeline_tests.journeys import Imports

CLIENT: Final = Path(__file__).parents[2] / "examples" / "client.py"
PEOPLE: Final = [{"name": f"Person {n}", "external_id": str(n)} for n in range(30)]


def url_of(content: bytes) -> str:
    return f"data:text/csv;base64,{base64.b64encode(content).decode()}"


@pytest.mark.parametrize("mode", ["sync", "mixed"])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"data": url_of(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1")}, "not_a_table"),
        ({"data": url_of(b"name,name\na,b\n")}, "duplicate_header"),
        ({"data": url_of(b"who\nAda\n"), "column_mapping": {"name": "Whom"}}, "unknown_mapped_column"),
        ({"data": [{"name": "Ada", "email": "nowhere"}]}, "no_valid_row"),
        ({"data": [{"name": "Ada"}], "location_id": f"loc_{'0' * 26}"}, "unknown_location"),
        ({"data": [{"name": "Ada", "shoe": "A"}], "unknown_columns": "reject"}, "unknown_column"),
        (
            {"data": [{"name": "Ada"}, {"name": "Bob", "email": "x"}], "max_errors": 0},
            "too_many_errors",
        ),
    ],
)
def test_an_import_that_fails_is_answered_as_a_failure(
    caller: httpx.Client, body: dict[str, Any], code: str, mode: str
) -> None:
    answer = caller.post("/v1/imports", json={"resource": "contact", "mode": mode, **body})
    assert code_of(answer, 422) == code
    import_ = answer.json()["data"]
    assert (import_["object"], import_["status"], import_["code"]) == ("import", "failed", code)
    assert answer.json()["message"] == import_["reason"]
    assert answer.json()["errors"] == [{"code": code, "field": None, "message": import_["reason"]}]
    looked_at = caller.get(f"/v1/imports/{import_['id']}")
    assert data_of(looked_at, 200) == {**import_, "people": {}}, "to look at it succeeds"
    assert looked_at.json()["code"] == "ok"


@pytest.mark.parametrize(("path", "field"), [("imports", "data"), ("batches", "items")])
def test_a_refused_overwrite_is_a_failure(
    caller: httpx.Client, imports: Imports, path: str, field: str
) -> None:
    body = {"resource": "contact", "mode": "sync", field: PEOPLE}
    first = caller.post(f"/v1/{path}", json=body)
    made = data_of(first, 201)
    assert (first.json()["code"], first.json()["message"]) == ("ok", "")
    refused = caller.post(f"/v1/{path}", json={**body, "action": "overwrite", field: PEOPLE[:5]})
    assert code_of(refused, 422) == "too_many_deletions"
    assert "25" in refused.json()["message"]
    assert len(imports.records()) == 30
    allowed = caller.post(
        f"/v1/{path}", json={**body, "action": "overwrite", field: PEOPLE[:5], "max_deletions": 25}
    )
    assert data_of(allowed, 201)["stats"]["overwritten"] == 25, "the remedy that the reason names"
    stale = caller.post(f"/v1/{path}/{made['id']}/revert")
    assert stale.status_code in (201, 422), stale.text
    assert (data_of(stale, stale.status_code)["status"] == "completed") == (stale.status_code == 201)


@pytest.mark.parametrize(("path", "field"), [("imports", "data"), ("batches", "items")])
def test_a_refused_overwrite_is_approved_by_another_key(
    api: Api, organization: str, caller: httpx.Client, imports: Imports, path: str, field: str
) -> None:
    body = {"resource": "contact", "mode": "sync", "action": "overwrite"}
    made = data_of(caller.post(f"/v1/{path}", json={**body, field: PEOPLE}), 201)
    refused = caller.post(f"/v1/{path}", json={**body, field: PEOPLE[:5]}).json()["data"]
    approve = f"/v1/{path}/{refused['id']}/approve"
    with api.caller(organization, "imports:approve") as approver:
        for wrong in ({"max_deletions": -1}, {"max_deletions": True}, {"ceiling": 25}):
            assert code_of(approver.post(approve, json=wrong), 400) == "invalid_request"
        few = approver.post(approve, json={"max_deletions": 24})
        assert code_of(few, 409) == "nothing_to_approve"
        assert "approve 25" in few.json()["message"]
        assert len(imports.records()) == 30
        approved = data_of(approver.post(approve, json={"max_deletions": 25}), 201)
        assert (approved["status"], approved["stats"]["overwritten"]) == ("completed", 25)
        assert (approved["approves"], approved["max_deletions"]) == (refused["id"], 25)
        assert approved["approved_by"] == approved["created_by"] != refused["created_by"]
        assert approved["approved_by"].startswith("key:")
        assert code_of(approver.post(approve), 409) == "nothing_to_approve"
        other = approver.post(f"/v1/{path}/{made['id']}/approve")
        assert code_of(other, 409) == "nothing_to_approve"
    with api.caller(f"{organization}-other") as stranger:
        assert stranger.post(approve).status_code == 404


def test_rejected_rows_are_said_in_a_success(caller: httpx.Client) -> None:
    data = [{"name": "Ada"}, {"name": "Bob", "email": "nowhere"}]
    answer = caller.post("/v1/imports", json={"resource": "contact", "mode": "sync", "data": data})
    import_ = data_of(answer, 201)
    assert answer.json()["message"].startswith("1 row was rejected; the errors file says why")
    shown = data_of(caller.get(f"/v1/imports/{import_['id']}", params={"include_errors_csv": "true"}), 200)
    assert "nowhere" in httpx.get(shown["_errors_csv_url"]).text


def test_an_idempotency_key_gives_the_import_as_it_is_now(caller: httpx.Client, imports: Imports) -> None:
    """What went on in the background answers later how it ended; what failed fails again and runs no more."""

    def send(key: str, **body: Any) -> httpx.Response:
        given = {"resource": "contact", **body}
        return caller.post("/v1/imports", json=given, headers={"Idempotency-Key": key})

    people = [{"name": "Ada", "email": "ada@example.com"}]
    queued = data_of(send("written", data=people), 202)
    imports.workflow.write(queued["id"])
    assert data_of(send("written", data=people), 201)["id"] == queued["id"]
    late = data_of(send("late", data=people), 202)
    imports.workflow.finalization.fail(late["id"], "timed_out", "It took too long.", Status.TIMED_OUT)
    replayed = send("late", data=people)
    assert code_of(replayed, 422) == "timed_out"
    assert (replayed.json()["data"]["id"], replayed.json()["message"]) == (late["id"], "It took too long.")
    bad = [{"name": "Ada", "email": "nowhere"}]
    failed = send("failed", data=bad, mode="sync")
    assert send("failed", data=bad, mode="sync").json() == failed.json()
    assert failed.status_code == 422
    awaited = data_of(send("awaited"), 202)
    assert data_of(send("awaited"), 202)["id"] == awaited["id"]


def test_the_client_of_the_examples_sends_a_file(api: Api, caller: httpx.Client) -> None:
    spec = importlib.util.spec_from_file_location("client", CLIENT)
    assert spec is not None
    assert spec.loader is not None
    client = importlib.util.module_from_spec(spec)
    sys.modules["client"] = client
    spec.loader.exec_module(client)
    imports = client.Imports(caller.headers["X-API-KEY"], api.url)
    import_ = imports.send(CLIENT.parent / "contacts.csv", mode="sync")
    assert (import_["status"], import_["stats"]["created"]) == ("completed", 9)
    with pytest.raises(requests.HTTPError, match="invalid_option: resource"):
        imports.send(CLIENT.parent / "contacts.csv", resource="person")


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        ("name\nAda\n", 0, ""),
        ("name,email\nAda,\nBob,nowhere\n", 0, "Rejected rows: 1"),
        ("who\nAda\n", 1, "missing_column: "),
    ],
)
def test_the_client_of_the_examples_says_how_it_ended(
    api: Api, caller: httpx.Client, tmp_path: Path, content: str, status: int, said: str
) -> None:
    path = tmp_path / "people.csv"
    path.write_text(content)
    command = [sys.executable, str(CLIENT), caller.headers["X-API-KEY"], str(path), api.url]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == status, ended.stderr
    assert (said in ended.stderr) if said else ended.stderr == ""
    assert ("completed" in ended.stdout) == (status == 0)
