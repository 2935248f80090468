"""Small files that unpack to a great deal: what they cost the process that reads them, and what it keeps."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator
from typing import Final

import httpx
import pytest

from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.api.serving import Api, code_of, data_of, serving
from imports_pipeline_tests.reading.xlsx.workbooks import workbook

#: What each costs when it is refused at once is a tenth of this; unpacked and read it would cost minutes.
_PROCESSOR_SECONDS: Final = 20
_SHEET: Final = "xl/worksheets/sheet1.xml"


def gzip_of_rows() -> bytes:
    """Pack 400 MB of rows into less than 2 MB."""
    block = gzip.compress(b"Ada,ada@example.com\n" * 1_000_000, 9)
    return gzip.compress(b"name,email\n") + block * 20


def gzip_of_zeros() -> bytes:
    return gzip.compress(b"name\n") + gzip.compress(bytes(100_000_000), 9) * 5


def workbook_of_rows() -> bytes:
    """Pack a sheet of six million rows into about a megabyte."""
    empty = zipfile.ZipFile(io.BytesIO(workbook([["name"]])))
    out = io.BytesIO()
    with empty, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for entry in empty.infolist():
            begin, closing, end = empty.read(entry).partition(b"</sheetData>")
            with packed.open(entry.filename, "w") as part:
                part.write(begin)
                if entry.filename == _SHEET:
                    for _ in range(300):
                        part.write(b'<row><c t="inlineStr"><is><t>P</t></is></c></row>' * 20_000)
                part.write(closing + end)
    return out.getvalue()


@pytest.mark.parametrize(
    ("make", "name"),
    [(gzip_of_rows, "a.csv.gz"), (gzip_of_zeros, "a.csv.gz"), (workbook_of_rows, "a.xlsx")],
)
def test_a_small_bomb_costs_a_few_seconds(api: Api, caller: httpx.Client, make: object, name: str) -> None:
    assert callable(make)
    content = make()
    assert len(content) < 2_000_000
    before = spent(api)
    for mode, status, code in (
        ("sync", 413, "sync_limit_exceeded"),
        ("mixed", 422, "too_large_unpacked"),
    ):
        answer = caller.post(
            "/v1/imports", data={"resource": "contact", "mode": mode}, files={"file": (name, content)}
        )
        assert code_of(answer, status) == code
        import_ = answer.json()["data"]
        assert import_["reason"] == answer.json()["message"]
        shown = caller.get(f"/v1/imports/{import_['id']}", params={"include_upload_json": True})
        assert data_of(shown, 200)["_upload_json_url"] is None, "nor is it unpacked to be shown"
    assert spent(api) - before < _PROCESSOR_SECONDS


def spent(api: Api) -> float:
    """Return the processor seconds that the API and the processes that read have used."""
    return sum(
        times.user + times.system
        for times in (process.cpu_times() for process in (api.process, *api.workers()))
    )


@pytest.fixture(scope="module")
def small_api(workflow: ImportWorkflow) -> Iterator[Api]:
    """Yield an API of one worker, which may keep no memory, and which reads files of up to 100 bytes."""
    settings = {
        "IMPORTS_API_WORKERS": "1",
        "IMPORTS_API_WORKER_BYTES": "1",
        "IMPORTS_API_UNPACKED_BYTES": "100",
    }
    with serving(workflow.database.url, workflow.settings.home, settings) as running:
        yield running


def test_a_process_that_keeps_much_memory_is_replaced(small_api: Api, organization: str) -> None:
    with small_api.caller(organization) as caller:
        seen = set()
        for number in range(2):
            seen.update(worker.pid for worker in small_api.workers())
            people = [{"name": f"Person {number}"}]
            body = {"resource": "contact", "mode": "sync", "data": people}
            assert data_of(caller.post("/v1/imports", json=body), 201)["stats"]["created"] == 1
        assert len(seen) == 2


def test_a_large_file_is_not_corrected_in_a_thread(small_api: Api, organization: str) -> None:
    with small_api.caller(organization) as caller:
        people = [{"name": f"Person {number}"} for number in range(20)]
        body = {"resource": "contact", "dry_run": True, "data": people}
        url = f"/v1/imports/{caller.post('/v1/imports', json=body).json()['data']['id']}/corrections"
        refused = caller.post(url, json={"rows": [{"line": 2, "row": {"name": "Ann"}}]})
        assert code_of(refused, 413) == "file_too_large"
        assert "in files of up to 100" in refused.json()["message"]
        assert caller.post(url, json={"rows": []}).status_code < 300, "it is only copied"
