"""Links to files of an import: the API signs an address that works for some minutes, and the browser goes there."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from nicegui import app

from imports_pipeline.pages.api_client import ApiError
from imports_pipeline.pages.runtime import runtime, session_of

_NAMES: Final = ("errors_xlsx", "errors_csv", "upload_csv", "plan_csv")


@app.get("/imports/{import_id}/files/{name}")
async def file_of(request: Request, import_id: str, name: str) -> Response:
    """Return a redirect to the signed address of a file of an import."""
    session = session_of(request)
    if session is None:
        return RedirectResponse(f"/sign-in?next={quote(request.url.path, safe='')}", 303)
    if name not in _NAMES:
        return PlainTextResponse("There is no such file.", 404)
    try:
        answer = await runtime().api.get(
            session.key, f"/v1/imports/{quote(import_id)}", **{f"include_{name}": "true"}
        )
    except ApiError as error:
        return PlainTextResponse(str(error), error.status or 503)
    url = answer.data.get(f"_{name}_url")
    return RedirectResponse(url, 303) if url else PlainTextResponse("The file is not stored any more.", 404)
