"""Routes that take the files of Send. The browser reports its progress; this process never holds a whole file.

A small file goes to the API in one request, which is answered with the checked import. The API refuses a body over its
limit; such a file goes to a signed upload URL: directly from the browser where it may connect to it, otherwise through
this process, as it arrives.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile

from imports_pipeline.pages.api_client import ApiError, KeyRefused
from imports_pipeline.pages.runtime import end_session, runtime, session_of
from imports_pipeline.pages.sessions import Session
from imports_pipeline.pages.settings import origin_of

router = APIRouter()
_LOG = logging.getLogger("imports_pipeline.pages")

_MARGIN: Final = 1024 * 1024
#: The option with which a file's columns are understood as somebody has remembered it for files with the same header.
_AS_REMEMBERED: Final = {"saved_mapping": "*"}
#: Fields of the form that are not options of the import.
_NOT_OPTIONS: Final = ("file", "idempotency_key")
_TOKEN: Final = re.compile(r"[\w-]{8,64}")


@router.post("/send/file")
async def send_file(request: Request) -> JSONResponse:
    """Check a small file: create a dry run with it, and return the address of its page."""
    session = session_of(request)
    if session is None:
        return _refused("Your session is over. Sign in again.", 401)
    if not request.headers.get("content-length", "").isdecimal():
        return _refused("The browser did not say how large the file is.", 411)
    if int(request.headers["content-length"]) > runtime().settings.small_bytes + _MARGIN:
        return _refused("The file is too large for one request.", 413)
    async with request.form(max_files=1, max_fields=80) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            return _refused("Choose a file.", 400)
        options = {name: value for name, value in form.items() if name not in _NOT_OPTIONS and value != ""}
        try:
            answer = await runtime().api.post(
                session.key,
                "/v1/imports",
                data={**_AS_REMEMBERED, **options, "dry_run": "true", "mode": "mixed"},
                files={"file": (file.filename or "file", file.file, "application/octet-stream")},
                headers=_idempotency(form.get("idempotency_key")),
            )
        except ApiError as error:
            return _answer(session, error)
    return JSONResponse({"page": f"/imports/{answer.data['id']}"})


@router.post("/send/large")
async def request_upload(request: Request) -> JSONResponse:
    """Create a dry run that waits for a large file, and return where to put the file."""
    session = session_of(request)
    if session is None:
        return _refused("Your session is over. Sign in again.", 401)
    async with request.form(max_files=0, max_fields=80) as form:
        options: dict[str, Any] = {
            name: value for name, value in form.items() if name not in _NOT_OPTIONS and value != ""
        }
        if "column_mapping" in options:
            try:
                options["column_mapping"] = json.loads(options["column_mapping"])
            except ValueError:
                return _refused("The fields of the columns cannot be read. Load the page again.", 400)
        try:
            answer = await runtime().api.post(
                session.key,
                "/v1/imports",
                json={**_AS_REMEMBERED, **options, "dry_run": True, "mode": "mixed", "data": None},
                headers=_idempotency(form.get("idempotency_key")),
            )
        except ApiError as error:
            return _answer(session, error)
    import_id, url = answer.data["id"], answer.data.get("_upload_url")
    if url:
        session.uploads[import_id] = url
    if not url:
        return JSONResponse({"page": f"/imports/{import_id}"})
    # The page may connect to these origins only. Otherwise, and if the store refuses, the file goes through here.
    is_reachable = origin_of(url) in runtime().settings.upload_origins
    return JSONResponse(
        {
            "page": f"/imports/{import_id}",
            "put": f"/send/large/{import_id}",
            "direct": url if is_reachable else None,
        }
    )


@router.put("/send/large/{import_id}")
async def put_file(request: Request, import_id: str, refused: str = "") -> JSONResponse:
    """Pass a large file on to its signed URL as it arrives.

    The browser says in ``refused`` that the store did not take the file from it directly.
    """
    session = session_of(request)
    if session is None:
        return _refused("Your session is over. Sign in again.", 401)
    url, size = session.uploads.get(import_id), request.headers.get("content-length", "")
    if url is None or not size.isdecimal():
        return _refused("No file is expected here. Send it again.", 409)
    if refused:
        _LOG.warning(
            "A browser could not send a file to %s. The CORS rule of the bucket must allow PUT from the origin of these"
            " pages; until then large files pass through this process.",
            origin_of(url),
        )
    try:
        await runtime().api.put_file(url, request.stream(), size)
    except ApiError as error:
        # The file may have arrived by a request whose answer was lost.
        if error.code != "already_uploaded":
            return _answer(session, error)
    session.uploads.pop(import_id, None)
    return JSONResponse({"page": f"/imports/{import_id}"})


def _idempotency(token: object) -> dict[str, str]:
    """Return the header that makes a repeated click, or a repeated request, the same import."""
    return {"Idempotency-Key": f"pages-{token}"} if isinstance(token, str) and _TOKEN.fullmatch(token) else {}


def _answer(session: Session, error: ApiError) -> JSONResponse:
    if isinstance(error, KeyRefused):
        end_session(session.token, "key")
    return _refused(str(error), error.status if error.status >= 400 else 503)


def _refused(sentence: str, status: int) -> JSONResponse:
    return JSONResponse({"sentence": sentence}, status)
