"""Imports over HTTP: the three ways to send a file, both modes, files, cancel and revert."""

from __future__ import annotations

import base64
import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openpyxl
import pytest
from dagster import DagsterInstance

from imports_pipeline.registry import saved_mappings
from imports_pipeline.schemas.column_mapping.saved_mapping import SavedMapping
from imports_pipeline_tests.api.serving import Api, code_of, data_of
from imports_pipeline_tests.journeys import Imports

PEOPLE = [
    {"name": "Ada Lovelace", "email": "ada@example.com", "alternate_emails": {"work": "ada@example.org"}},
    {"name": 'Grace "Amazing" Hopper', "email": "grace@example.com", "metadata": {"floor": 3}},
    {"name": "Alan Turing", "email": "not an address"},
]
CSV = b"name,email\r\nAda,ada@example.com\r\nBad,nowhere\r\n"


def data_url(content: bytes, kind: str = "text/csv") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def create(caller: httpx.Client, status: int = 201, **body: Any) -> Any:
    return data_of(caller.post("/v1/imports", json={"resource": "contact", **body}), status)


def test_inline_objects_are_imported_while_the_caller_waits(
    caller: httpx.Client, imports: Imports, instance: DagsterInstance
) -> None:
    import_ = create(caller, mode="sync", data=PEOPLE)
    assert import_["status"] == "completed"
    assert import_["stats"] == {
        "created": 2, "updated": 0, "unchanged": 0, "deleted": 0, "overwritten": 0, "rejected": 1
    }  # fmt: skip
    assert [phase["name"] for phase in import_["phases"]][-1] == "cleanup"
    assert (import_["source"], import_["object"]) == ("api", "import")
    stored = {one["name"]: one for one in imports.records()}
    assert stored["Ada Lovelace"]["alternate_emails"] == {"work": "ada@example.org"}
    assert stored['Grace "Amazing" Hopper']["metadata"] == {"floor": "3"}
    run = instance.get_run_by_id(import_["run_id"])
    assert run is not None
    assert run.tags[".dagster/imports_id"] == import_["id"]


def test_a_data_url_holds_csv_or_a_workbook(caller: httpx.Client) -> None:
    import_ = create(caller, mode="sync", data=data_url(CSV))
    assert import_["stats"]["created"] == 1
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (["name", "email"], ["Edsger", "edsger@example.com"]):
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert create(caller, mode="sync", data=data_url(buffer.getvalue(), kind))["stats"]["created"] == 1


def test_a_form_brings_a_file_and_its_options(caller: httpx.Client) -> None:
    answer = caller.post(
        "/v1/imports",
        data={"resource": "contact", "mode": "sync", "dry_run": "true", "column_mapping": '{"name": "Who"}'},
        files={"file": ("people of May.csv", b"Who;email\nAda;ada@example.com\n")},
    )
    import_ = data_of(answer, 201)
    assert (import_["name"], import_["dry_run"]) == ("people of May.csv", True)
    assert import_["detected"]["delimiter"] == ";"
    assert import_["stats"]["created"] == 1
    shown = data_of(caller.get(f"/v1/imports/{import_['id']}", params={"include_plan_csv": True}), 200)
    assert ",created," in httpx.get(shown["_plan_csv_url"]).text


def test_notices_name_columns_that_are_not_used(caller: httpx.Client) -> None:
    content = b"name,Box\nAda,ada@example.com\nBob,bob@example.com\n"
    import_ = create(caller, mode="sync", dry_run=True, data=data_url(content))
    (notice,) = [one for one in import_["notices"] if one["code"] == "unused_columns"]
    assert set(notice) == {"code", "message"}
    assert "`Box` (email addresses: give column_mapping email=Box)" in notice["message"]
    mapped = create(caller, mode="sync", data=data_url(content), column_mapping={"email": "Box"})
    assert (mapped["notices"], mapped["stats"]["created"]) == ([], 2)


def test_a_request_names_a_saved_mapping(caller: httpx.Client, imports: Imports) -> None:
    saved = SavedMapping("crm", "contact", ("Who", "Box"), {"name": "Who", "email": "Box"}, "none")
    with imports.workflow.database.connect() as connection:
        saved_mappings.save(connection, imports.organization, saved)
    import_ = create(
        caller, mode="sync", data=data_url(b"Box,Who\nada@example.com,Ada\n"), saved_mapping="crm"
    )
    assert (import_["saved_mapping"], import_["column_mapping"]) == ("crm", dict(saved.column_mapping))
    assert imports.one("Ada")["email"] == "ada@example.com"
    refused = create(caller, 422, mode="sync", data=data_url(CSV), saved_mapping="crm")
    assert refused["code"] == "saved_mapping_differs"


def test_mixed_answers_when_the_file_is_validated(caller: httpx.Client, imports: Imports) -> None:
    import_ = create(caller, 202, data=PEOPLE)
    assert (import_["status"], import_["mode"]) == ("queued", "mixed")
    assert [phase["name"] for phase in import_["phases"]][-1] == "validation"
    assert imports.records() == []


def test_files_are_given_by_signed_urls(caller: httpx.Client) -> None:
    import_ = create(caller, mode="sync", data=data_url(CSV), save_result=True)
    names = (
        "upload_csv", "upload_json", "errors_csv", "errors_json", "errors_xlsx", "result_json", "plan_csv",
    )  # fmt: skip
    shown = data_of(
        caller.get(f"/v1/imports/{import_['id']}", params={f"include_{name}": "true" for name in names}), 200
    )
    assert shown["_plan_csv_url"] is None
    files = {name: httpx.get(shown[f"_{name}_url"]) for name in names if shown[f"_{name}_url"]}
    assert files["upload_csv"].content == CSV
    assert files["upload_csv"].headers["content-disposition"].endswith(f"{import_['id']}-upload.csv")
    assert files["upload_json"].json() == [
        {"name": "Ada", "email": "ada@example.com"},
        {"name": "Bad", "email": "nowhere"},
    ]
    (error,) = files["errors_json"].json()
    assert (error["line"], error["errors"][0]["code"]) == (3, "invalid_email")
    assert b"_line" in files["errors_csv"].content
    sheet = openpyxl.load_workbook(io.BytesIO(files["errors_xlsx"].content)).worksheets[0]
    assert [cell.value for cell in sheet[2]][:3] == ["Bad", "nowhere", "3"]
    assert files["errors_xlsx"].headers["content-disposition"].endswith(f"{import_['id']}-errors.xlsx")
    assert files["result_json"].json()
    plain = data_of(caller.get(f"/v1/imports/{import_['id']}"), 200)
    assert not [name for name in plain if name.startswith("_")]


def test_inline_objects_come_back_as_they_were(caller: httpx.Client) -> None:
    import_ = create(caller, mode="sync", data=PEOPLE)
    shown = data_of(caller.get(f"/v1/imports/{import_['id']}", params={"include_upload_json": "true"}), 200)
    assert httpx.get(shown["_upload_json_url"]).json() == PEOPLE


def test_sync_refuses_what_is_over_its_limits(caller: httpx.Client, imports: Imports) -> None:
    many = [{"name": f"Person {n}", "email": f"p{n}@example.com"} for n in range(201)]
    assert code_of(
        caller.post("/v1/imports", json={"resource": "contact", "mode": "sync", "data": many}), 413
    ) == ("sync_limit_exceeded")
    lines = "name,email\n" + "".join(f"P {n},p{n}@example.com\n" for n in range(201))
    body = {"resource": "contact", "mode": "sync", "data": data_url(lines.encode())}
    assert code_of(caller.post("/v1/imports", json=body), 413) == "sync_limit_exceeded"
    assert imports.records() == []


def test_the_same_idempotency_key_gives_the_first_import(caller: httpx.Client, imports: Imports) -> None:
    body = {"resource": "contact", "mode": "sync", "data": PEOPLE}

    def send(_: int) -> httpx.Response:
        return caller.post("/v1/imports", json=body, headers={"Idempotency-Key": "first"})

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(send, range(4)))
    assert {answer.json()["data"]["id"] for answer in answers} == {answers[0].json()["data"]["id"]}
    again = data_of(send(0), 201)
    assert again["status"] == "completed"
    assert len(imports.records()) == 2
    other = caller.post(
        "/v1/imports", json={**body, "action": "overwrite"}, headers={"Idempotency-Key": "first"}
    )
    assert code_of(other, 409) == "idempotency_key_reused"
    assert (
        create(caller, mode="sync", data=PEOPLE, idempotency_key="in the body")["id"]
        == (create(caller, mode="sync", data=PEOPLE, idempotency_key="in the body")["id"])
    )


def test_a_queued_import_is_canceled_and_a_completed_one_is_not(caller: httpx.Client) -> None:
    queued = create(caller, 202, data=PEOPLE)
    canceled = data_of(caller.post(f"/v1/imports/{queued['id']}/cancel"), 200)
    assert (canceled["status"], canceled["code"]) == ("failed", "canceled")
    assert data_of(caller.post(f"/v1/imports/{queued['id']}/cancel"), 200)["id"] == queued["id"]
    done = create(caller, mode="sync", data=PEOPLE)
    assert code_of(caller.post(f"/v1/imports/{done['id']}/cancel"), 409) == "already_ended"


def test_an_import_is_taken_back(caller: httpx.Client, imports: Imports) -> None:
    import_ = create(caller, mode="sync", data=PEOPLE)
    plan = data_of(caller.post(f"/v1/imports/{import_['id']}/revert", json={"dry_run": True}), 201)
    assert (plan["stats"]["deleted"], len(imports.records())) == (2, 2)
    revert = data_of(caller.post(f"/v1/imports/{import_['id']}/revert"), 201)
    assert (revert["action"], revert["reverts"], revert["status"]) == ("revert", import_["id"], "completed")
    assert imports.records() == []
    assert code_of(caller.post(f"/v1/imports/{plan['id']}/revert"), 409) == "nothing_to_revert"


def test_twenty_callers_at_once_all_succeed(caller: httpx.Client, imports: Imports) -> None:
    def send(number: int) -> Any:
        data = [{"name": f"Person {number}-{n}", "email": f"p{number}-{n}@example.com"} for n in range(10)]
        return create(caller, mode="sync", data=data)

    with ThreadPoolExecutor(20) as threads:
        made = list(threads.map(send, range(20)))
    assert [import_["status"] for import_ in made] == ["completed"] * 20
    assert [import_["stats"]["created"] for import_ in made] == [10] * 20
    assert len(imports.records()) == 200


@pytest.mark.parametrize("items", [[{"groups": ["a", "b, c"]}], [{"email": None, "name": True}]])
def test_objects_become_the_cells_that_a_person_would_write(caller: httpx.Client, items: list[Any]) -> None:
    status = 422 if "groups" in items[0] else 201  # there is no such group
    import_ = create(caller, status, dry_run=True, data=[{"name": "Ada", "external_id": "1", **items[0]}])
    shown = data_of(caller.get(f"/v1/imports/{import_['id']}", params={"include_upload_csv": True}), 200)
    header, row = httpx.get(shown["_upload_csv_url"]).text.splitlines()
    cells = dict(zip(json.loads(f"[{header}]"), row[1:-1].split('","'), strict=True))
    assert cells == {
        "name": "true" if "email" in items[0] else "Ada",
        "external_id": "1",
        **({"email": ""} if "email" in items[0] else {"groups": 'a,""b, c""'}),
    }


def test_a_worker_that_dies_costs_no_caller_his_import(
    api: Api, caller: httpx.Client, imports: Imports
) -> None:
    """Kill one of the processes while several imports are under way and waiting: all of them are completed."""
    create(caller, mode="sync", data=PEOPLE)
    ended = threading.Event()

    def kill() -> None:
        # As soon as something is under way: its connection is named after the import.
        while not ended.is_set():
            with imports.workflow.database.connect() as connection:
                under_way = connection.execute(
                    "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE '%imp_%' LIMIT 1"
                ).fetchone()
            if under_way:
                api.workers()[0].kill()
                return

    killer = threading.Thread(target=kill)

    def send(number: int) -> Any:
        return create(caller, mode="sync", data=[{"name": f"Person {number}", "external_id": str(number)}])

    with ThreadPoolExecutor(6) as threads:
        killer.start()
        made = list(threads.map(send, range(6)))
    ended.set()
    killer.join()
    assert [import_["status"] for import_ in made] == ["completed"] * 6
    assert [name for name in imports.names() if name.startswith("Person")] == [
        f"Person {n}" for n in range(6)
    ]


def test_an_upload_that_is_not_to_be_kept_is_not(caller: httpx.Client, imports: Imports) -> None:
    import_ = create(caller, mode="sync", save_upload=False, data=PEOPLE)
    wanted = {"include_upload_csv": True, "include_upload_json": True, "include_errors_json": True}
    shown = data_of(caller.get(f"/v1/imports/{import_['id']}", params=wanted), 200)
    assert (shown["has_upload_file"], shown["_upload_csv_url"], shown["_upload_json_url"]) == (
        False,
        None,
        None,
    )
    assert shown["_errors_json_url"]
