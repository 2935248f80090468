"""Corrected rows over HTTP: a dry run of the whole stored file, which is committed like any other."""

from __future__ import annotations

import base64
import io
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import httpx
import openpyxl

from imports_pipeline.registry import saved_mappings
from imports_pipeline_tests.api.serving import Api, code_of, data_of
from imports_pipeline_tests.journeys import Imports

CSV = b'name;email;notes\r\nAda;ada@;"two\r\nlines; kept"\r\n\r\nBob;bob@example.com;\r\nCid;cid@;x\r\n'
MENDED = CSV.replace(b"ada@;", b"ada@example.com;").replace(b"cid@;", b"cid@example.com;")
ROWS = [{"line": 2, "row": {"email": "ada@example.com"}}, {"line": 6, "row": {"email": "cid@example.com"}}]


def send(caller: httpx.Client, content: bytes, status: int = 201, **how: Any) -> Any:
    data = f"data:text/csv;base64,{base64.b64encode(content).decode()}"
    body = {"resource": "contact", "mode": "sync", "action": "overwrite", "data": data, **how}
    return data_of(caller.post("/v1/imports", json=body), status)


def correct(caller: httpx.Client, import_: Any, rows: Any, **more: Any) -> httpx.Response:
    return caller.post(f"/v1/imports/{import_['id']}/corrections", json={"rows": rows, **more})


def test_corrected_rows_are_checked_with_the_whole_file(caller: httpx.Client, imports: Imports) -> None:
    first = send(caller, CSV, dry_run=True, max_errors=5)
    assert (first["stats"]["created"], first["stats"]["rejected"]) == (1, 2)
    mended = data_of(correct(caller, first, ROWS), 201)
    assert (mended["stats"]["created"], mended["stats"]["rejected"]) == (3, 0)
    assert (mended["corrects"], mended["dry_run"], mended["max_errors"]) == (first["id"], True, 5)
    assert (mended["detected"]["delimiter"], mended["checksum"] != first["checksum"]) == (";", True)
    shown = data_of(caller.get(f"/v1/imports/{mended['id']}", params={"include_upload_csv": True}), 200)
    assert httpx.get(shown["_upload_csv_url"]).content == MENDED
    body = {"plan_checksum": mended["plan_checksum"]}
    done = data_of(caller.post(f"/v1/imports/{mended['id']}/commit", json=body), 201)
    assert (done["stats"]["created"], imports.names()) == (3, ["Ada", "Bob", "Cid"])
    # Also of an import that was written; its records are there now.
    again = data_of(correct(caller, done, [{"line": 5, "row": {"notes": "new"}}]), 201)
    assert (again["stats"]["updated"], again["stats"]["unchanged"]) == (1, 2)


def test_a_double_click_makes_one_dry_run_and_a_later_one_another(caller: httpx.Client) -> None:
    first = send(caller, CSV, dry_run=True)
    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(lambda _: correct(caller, first, ROWS), range(3)))
    assert {one.status_code for one in answers} <= {201, 202}
    made = {one.json()["data"]["id"] for one in answers}
    headers = {"Idempotency-Key": "mend"}
    url = f"/v1/imports/{first['id']}/corrections"
    ours = {data_of(caller.post(url, json={"rows": []}, headers=headers), 201)["id"] for _ in range(2)}
    assert len(ours) == 1
    assert code_of(caller.post(url, json={"rows": ROWS}, headers=headers), 409) == "idempotency_key_reused"
    assert ours.isdisjoint(made), "nothing was corrected"


def test_corrections_are_bounded(caller: httpx.Client, imports: Imports) -> None:
    first = send(caller, CSV, dry_run=True)
    many = [{"line": number, "row": {}} for number in range(20_001)]
    assert code_of(correct(caller, first, many), 413) == "too_many_rows"
    with ThreadPoolExecutor(4) as threads, imports.workflow.database.connect() as connection:
        with connection.transaction():
            # Nobody can register an import, so all requests that have a place wait.
            connection.execute("LOCK TABLE imports IN EXCLUSIVE MODE")
            asked = [threads.submit(correct, caller, first, ROWS, save_as=f"n{one}") for one in range(4)]
            refused = next(as_completed(asked)).result()
        assert code_of(refused, 429) == "too_many_corrections"
        assert int(refused.headers["Retry-After"]) > 0
        assert sorted(one.result().status_code for one in asked) == [201, 201, 201, 429]


def test_a_column_is_understood_anew_and_remembered(caller: httpx.Client, imports: Imports) -> None:
    failed = send(caller, b"Wer,Wo,email\nAda,here,ada@example.com\n", 422, dry_run=True)
    assert failed["code"] == "no_valid_row"
    understood = data_of(correct(caller, failed, [], column_mapping={"name": "Wer"}, save_as="the-club"), 201)
    assert (understood["stats"]["created"], understood["column_mapping"]) == (1, {"name": "Wer"})
    with imports.workflow.database.connect() as connection:
        saved = saved_mappings.find(connection, imports.organization, "the-club")
    assert (saved.header, saved.column_mapping) == (("Wer", "Wo", "email"), {"name": "Wer"})
    # The next file of this header takes it if the request says so, and a correction can take it away again.
    body = b"wer,wo,email\nBob,there,bob@example.com\n"
    found = send(caller, body, dry_run=True, action="merge", saved_mapping="*")
    assert (found["saved_mapping"], found["column_mapping"]) == ("the-club", {"name": "Wer"})
    without = correct(caller, found, [], column_mapping={}).json()["data"]
    assert (without["saved_mapping"], without["column_mapping"]) == (None, {})
    assert send(caller, body, 422, dry_run=True, action="merge")["saved_mapping"] is None
    assert code_of(correct(caller, found, [], save_as="*"), 400) == "invalid_option"
    assert code_of(correct(caller, failed, [], save_as="no/name"), 400) == "invalid_option"
    assert code_of(correct(caller, failed, [], column_mapping={"Name": 1}), 400) == "invalid_option"


def test_a_workbook_is_corrected_too(caller: httpx.Client, imports: Imports) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (["Members"], ["name", "email"], ["Ada", "ada"], ["Bob", "bob@example.com"]):
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    first = send(caller, content.getvalue())
    assert first["stats"]["rejected"] == 1
    mended = data_of(correct(caller, first, [{"line": 3, "row": {"email": "ada@example.com"}}]), 201)
    assert (mended["stats"]["created"], mended["stats"]["unchanged"], mended["stats"]["rejected"]) == (
        1,
        1,
        0,
    )
    assert mended["detected"]["header_line"] == 2


def test_what_is_no_correction_is_refused(api: Api, organization: str, caller: httpx.Client) -> None:
    first = send(caller, CSV, dry_run=True)
    for rows in (
        None,
        {},
        [1],
        [{"line": 2}],
        [{"line": "2", "row": {}}],
        [{"line": 2, "row": {"email": 1}}],
        ROWS * 2,
    ):
        assert code_of(correct(caller, first, rows), 400) == "invalid_request", rows
    answer = correct(caller, first, [{"line": 3, "row": {"email": "x"}}])
    assert code_of(answer, 400) == "invalid_correction"
    assert answer.json()["message"] == "Line 3: No row of the file begins in line 3."
    answer = correct(caller, first, [{"line": 2, "row": {"E-Mail": "x"}}])
    assert [code_of(answer, 400), answer.json()["errors"][0]["field"]] == ["invalid_correction", "E-Mail"]
    gone = send(caller, CSV, dry_run=True, save_upload=False)
    assert code_of(correct(caller, gone, []), 409) == "nothing_to_correct"
    with api.caller(f"{organization}-other") as theirs:
        assert code_of(correct(theirs, first, ROWS), 404) == "not_found"
