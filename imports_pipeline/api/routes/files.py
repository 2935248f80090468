"""The routes behind the signed URLs of the local file store. S3 serves its own signed URLs.

A signed URL allows its holder to put or get one file for a limited time. An upload is first written under a temporary
name and becomes the import's file when it is complete. If several uploads are sent to one URL, one of them becomes the
import's file and the others are refused.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any, BinaryIO, Final
from urllib.parse import quote

import anyio
from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response, StreamingResponse

from imports_pipeline.api.app_state import AppState, state_of
from imports_pipeline.api.responses import openapi
from imports_pipeline.api.responses.envelope import Refusal, not_found, success_response
from imports_pipeline.filestore.signed_urls import DOWNLOAD, UPLOAD, ExpiredToken, Grant, InvalidToken
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.sources import upload_urls

router = APIRouter(prefix="/v1/files", tags=["files"])

_CHUNK: Final = 1 << 20
_Token = Annotated[str, Path(description="The token of a signed URL, which the API has issued.")]
_TYPES: Final = {"json": "application/json", "csv": "text/csv; charset=utf-8"}


@router.put("/{token}", **openapi.PUT_FILE)
async def put_file(request: Request, token: _Token) -> JSONResponse:
    """Receive the file of an import that was requested without data."""
    state = state_of(request)
    grant = await run_in_threadpool(_verified, state, token, UPLOAD)
    length = request.headers.get("content-length", "")
    if length and not (length.isascii() and length.isdecimal()):
        raise Refusal(400, "invalid_request", "The header Content-Length is not a number of bytes.")
    if length and grant.limit is not None and int(length[:20]) > grant.limit:
        raise _too_large(grant)
    import_id = grant.key.removeprefix(f"{upload_urls.FOLDER}/")
    await run_in_threadpool(_check_awaited, state, import_id)
    key = f"{grant.key}.{secrets.token_hex(8)}"
    size, checksum = await _receive(request, state, key, grant)
    try:
        await run_in_threadpool(_take, state, import_id, key, checksum)
    finally:
        await run_in_threadpool(state.store.delete, key)
    return success_response(
        request,
        {"object": "upload", "import_id": import_id, "size": size, "checksum": checksum},
        message="The import begins within seconds.",
    )


@router.get("/{token}", **openapi.GET_FILE)
async def get_file(request: Request, token: _Token) -> Response:
    """Return a file of an import."""
    state = state_of(request)
    grant = await run_in_threadpool(_verified, state, token, DOWNLOAD)
    found = await run_in_threadpool(state.store.stat, grant.key)
    if found is None:
        raise not_found("file (any more); its import keeps files for a while only")
    file = await run_in_threadpool(state.store.open_read, grant.key)
    name = grant.file_name or grant.key.rpartition("/")[2]
    return StreamingResponse(
        _chunks(file),
        media_type=_TYPES.get(name.rpartition(".")[2], "application/octet-stream"),
        headers={
            "Content-Length": str(found.size),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _verified(state: AppState, token: str, method: str) -> Grant:
    try:
        return state.store.verify(token, method)
    except ExpiredToken as error:
        raise Refusal(410, "upload_url_expired", str(error)) from None
    except InvalidToken as error:
        raise Refusal(403, "invalid_upload_url", str(error)) from None


async def _receive(request: Request, state: AppState, key: str, grant: Grant) -> tuple[int, str]:
    """Write the body into the store as it arrives and return its size and SHA-256.

    An upload that is cut off or too large leaves no file behind.
    """
    size, digest = 0, hashlib.sha256()
    writing = state.store.open_write(key)
    file: Any = await run_in_threadpool(writing.__enter__)
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if grant.limit is not None and size > grant.limit:
                raise _too_large(grant)
            digest.update(chunk)
            await run_in_threadpool(file.write, chunk)
        if size == 0:
            raise Refusal(400, "invalid_data", "The upload is empty; send the file as the body of the PUT.")
    except BaseException as error:
        # A caller who disconnects cancels this task; the shield lets the clean-up finish even then.
        with anyio.CancelScope(shield=True), suppress(type(error)):
            await run_in_threadpool(writing.__exit__, type(error), error, error.__traceback__)
        raise
    await run_in_threadpool(writing.__exit__, None, None, None)
    return size, digest.hexdigest()


def _check_awaited(state: AppState, import_id: str) -> None:
    with state.access.trusted() as connection:
        if upload_urls.waiting(connection, import_id) is None:
            raise Refusal(409, "already_uploaded", "The import has its file already, or has ended.")


def _take(state: AppState, import_id: str, key: str, checksum: str) -> None:
    with state.access.trusted() as connection:
        import_ = upload_urls.waiting(connection, import_id)
    try:
        if import_ is None:
            raise upload_urls.NotAwaited("The import has its file already, or has ended.")
        with state.access.of(import_.organization_id) as connection:
            upload_urls.take(connection, state.store, import_, key, checksum)
    except upload_urls.NotAwaited as error:
        raise Refusal(409, "already_uploaded", str(error)) from None
    except PermanentFailure as failure:
        raise Refusal(413, "body_too_large", failure.reason) from None


def _too_large(grant: Grant) -> Refusal:
    return Refusal(
        413,
        "body_too_large",
        f"The upload is over the {grant.limit:,} bytes that its URL allows; split the file.",
        headers={"Connection": "close"},
    )
