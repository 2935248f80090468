"""The route that says how far an import is, and that waits until it is further."""

from __future__ import annotations

import time
from typing import Annotated, Final

import anyio
from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from imports_pipeline.api.app_state import AppState, state_of
from imports_pipeline.api.requests.parameters import ImportId
from imports_pipeline.api.responses import openapi_reading
from imports_pipeline.api.responses.envelope import success_response
from imports_pipeline.api.responses.import_progress import ImportProgress
from imports_pipeline.api.routes.imports import Reader, get
from imports_pipeline.database.shown_progress import find_rows
from imports_pipeline.model.imports import Import
from imports_pipeline.registry.api_keys import ApiKey

router = APIRouter(prefix="/v1/imports/{import_id}", tags=["imports"])

# The longest wait; proxies often end a request after 30 or 60 seconds.
_LONGEST: Final = 25
# The time between two looks at the database, some milliseconds of work each.
_EVERY_SECONDS: Final = 0.25


@router.get("/progress", **openapi_reading.PROGRESS)
async def show_progress(
    request: Request,
    key: Reader,
    import_id: ImportId,
    after: Annotated[
        str | None,
        Query(
            max_length=255,
            description="The token of an earlier answer. The answer waits until the progress is another one.",
        ),
    ] = None,
    wait: Annotated[
        float, Query(ge=0, le=_LONGEST, description="The largest number of seconds to wait.")
    ] = 20,
) -> JSONResponse:
    """Return how far an import is. With `after`, wait until status, phase or rows have changed."""
    state = state_of(request)
    end = time.monotonic() + wait
    while True:
        import_, progress = await run_in_threadpool(_progress, state, key, import_id)
        remaining = end - time.monotonic()
        if import_.has_ended or progress.token != after or remaining <= 0 or state.closing.is_set():
            return success_response(request, progress.as_object(import_), message=import_.reason or "")
        await anyio.sleep(min(_EVERY_SECONDS, remaining))
        if await request.is_disconnected():
            end = 0.0


def _progress(state: AppState, key: ApiKey, import_id: str) -> tuple[Import, ImportProgress]:
    import_ = get(state, key, import_id)
    live = None
    if not import_.has_ended:
        # The names of connections are visible to the user that opened them, and not to the role of the API.
        with state.access.trusted() as connection:
            live = find_rows(connection, import_.id)
    return import_, ImportProgress.of(import_, live)
