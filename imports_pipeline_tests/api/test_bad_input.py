"""Bad input costs no more than the answer, which says what is wrong; nothing is ever a 500."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from imports_pipeline_tests.api.serving import Api, code_of, data_of
from imports_pipeline_tests.journeys import Imports

JSON = {"Content-Type": "application/json"}


def body(**more: Any) -> bytes:
    return json.dumps({"resource": "contact", "data": [{"name": "Ada"}], **more}).encode()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "invalid_request"),
        (b"[]", "invalid_request"),
        (b"{", "invalid_request"),
        (b"\xff{}", "invalid_request"),
        (b'{"resource": NaN}', "invalid_request"),
        (b'{"resource": "contact", "resource": "group", "data": [{"name": "Ada"}]}', "invalid_request"),
        (b'{"resource": "contact", "data": [{"name": "Ada", "name": "Bob"}]}', "invalid_request"),
        (b'{"a":' * 100_000, "invalid_request"),
        (b'{"resource": "contact", "data": [{"a": ' + b"[" * 30 + b"]" * 30 + b"}]}", "invalid_request"),
        (b'{"resource": "contact", "data": [{"name": "\\ud800"}]}', "invalid_request"),
        (b'{"resource": "contact", "timeout": ' + b"9" * 5000 + b"}", "invalid_request"),
        (body(resource="person"), "invalid_option"),
        (body(resource=["contact"]), "invalid_option"),
        (body(action="revert"), "invalid_option"),
        (body(action="destroy"), "invalid_option"),
        (body(parts=True), "invalid_option"),
        (body(timeout=0), "invalid_option"),
        (body(timeout=10**30), "invalid_option"),
        (body(max_deletions=-1), "invalid_option"),
        (body(header_line=10**40), "invalid_option"),
        (body(name="\x00\x00\x00\x00"), "invalid_option"),
        (body(name="x" * 128), "invalid_option"),
        (body(location_id="loc_1"), "invalid_option"),
        (body(column_mapping={"name": 1}), "invalid_option"),
        (body(encoding="\x00"), "invalid_option"),
        (body(column_mapping={"metadata.\x00": "name"}), "invalid_option"),
        (body(column_mapping={"name": "a\x00"}), "invalid_option"),
        (body(match_on=["\x00"]), "invalid_option"),
        (body(default_region="\x00\x00"), "invalid_option"),
        (body(unheard_of=1), "invalid_option"),
        (body(idempotency_key=""), "invalid_request"),
        (body(idempotency_key="a\r\nX-Evil: 1"), "invalid_request"),
        (body(data="name\nAda"), "invalid_data"),
        (body(data="data:text/csv,name"), "invalid_data"),
        (body(data="data:text/csv;base64,???"), "invalid_data"),
        (body(data="data:text/csv;base64,"), "invalid_data"),
        (body(data={}), "invalid_data"),
        (body(data=[]), "invalid_data"),
        (body(data=["Ada"]), "invalid_data"),
        (body(data=[{"": "Ada"}]), "invalid_data"),
        (body(data=[{"a\x00": "Ada"}]), "invalid_data"),
        (body(data=[{"a.b": 1, "a": {"b": 2}}]), "invalid_data"),
        (body(data=[{"name": [{}]}]), "invalid_data"),
        (body(data=[{f"field {n}": n for n in range(1001)}]), "invalid_data"),
    ],
)
def test_a_body_that_cannot_be_used_is_refused(
    caller: httpx.Client, imports: Imports, content: bytes, code: str
) -> None:
    assert code_of(caller.post("/v1/imports", content=content, headers=JSON), 400) == code
    with imports.workflow.database.connect() as connection:
        count = connection.execute(
            "SELECT count(*) FROM imports WHERE organization_id = %s", (imports.organization,)
        )
        assert count.fetchone() == (0,)


def test_bodies_are_limited_before_and_while_they_are_read(caller: httpx.Client, api: Api) -> None:
    large = body(data=[{"name": "x" * 2_000_000}])
    assert code_of(caller.post("/v1/imports", content=large, headers=JSON), 413) == "body_too_large"
    chunks = (large[at : at + 65536] for at in range(0, len(large), 65536))
    assert code_of(caller.post("/v1/imports", content=chunks, headers=JSON), 413) == "body_too_large"
    chunked = httpx.post(f"{api.url}/v1/imports", content=iter([large]), headers=JSON)
    assert code_of(chunked, 401) == "unauthorized", "no body is read for a stranger"


def test_other_kinds_of_bodies_are_refused(caller: httpx.Client) -> None:
    text = caller.post("/v1/imports", content=b"name\nAda", headers={"Content-Type": "text/csv"})
    assert code_of(text, 415) == "unsupported_media_type"
    assert code_of(caller.post("/v1/imports", data={"resource": "contact"}), 415) == "unsupported_media_type"
    form = {"Content-Type": "multipart/form-data"}
    assert code_of(caller.post("/v1/imports", content=b"x", headers=form), 400) == "invalid_request"
    files = {"file": ("a.csv", b"name\nAda")}
    assert code_of(caller.post("/v1/imports", files={"other": ("a.csv", b"x")}), 400) == "invalid_data"
    fields = {"resource": "contact", **{f"field{n}": "x" for n in range(80)}}
    assert code_of(caller.post("/v1/imports", data=fields, files=files), 400) == "invalid_request"
    twice = [("file", ("a.csv", b"name\nAda")), ("file", ("b.csv", b"name\nBob"))]
    assert (
        code_of(caller.post("/v1/imports", data={"resource": "contact"}, files=twice), 400)
        == "invalid_request"
    )
    wrong = {"resource": "contact", "dry_run": "perhaps"}
    assert code_of(caller.post("/v1/imports", data=wrong, files=files), 400) == "invalid_option"


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "..\\..\\evil.csv", "a\r\nX-Evil: 1.csv", "x" * 300, "\x00"]
)
def test_a_files_name_is_only_a_name(caller: httpx.Client, name: str) -> None:
    answer = caller.post(
        "/v1/imports",
        data={"resource": "contact", "dry_run": "true"},
        files={"file": (name, b"name\nAda\n")},
    )
    import_ = data_of(answer, 201)
    assert import_["name"] in ("passwd", "evil.csv", None) or import_["name"].isprintable()
    shown = data_of(caller.get(f"/v1/imports/{import_['id']}", params={"include_upload_csv": True}), 200)
    given = httpx.get(shown["_upload_csv_url"])
    assert given.content == b"name\nAda\n"
    assert import_["id"] in given.headers["content-disposition"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/imports/..%2f..%2fetc%2fpasswd",
        "/v1/imports/imp_%00",
        f"/v1/imports/{'x' * 5000}",
        "/v1/imports/imp_01h455vb4pex5vsknk084sn02q",
        "/v1/files/..%2f..%2fetc",
        "/v1/nothing",
        "/v1/imports/",
    ],
)
def test_absurd_paths_are_not_found(caller: httpx.Client, path: str) -> None:
    answer = caller.get(path)
    assert answer.status_code in (403, 404), answer.text
    code_of(answer, answer.status_code)


def test_what_a_path_does_not_take_is_told(caller: httpx.Client) -> None:
    answer = caller.delete("/v1/imports")
    assert code_of(answer, 405) == "method_not_allowed"
    assert "POST" in answer.headers["allow"]
    import_id = f"imp_{'0' * 26}"
    wrong = caller.get(f"/v1/imports/{import_id}", params={"include_upload_csv": "perhaps"})
    assert code_of(wrong, 400) == "invalid_request"
    assert code_of(caller.post(f"/v1/imports/{import_id}/revert", json={"dry": 1}), 400) == "invalid_request"
