"""Assembly of the HTTP API: routes, limits, and the response to each kind of exception."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from imports_pipeline.api.app_state import AppState
from imports_pipeline.api.metrics import Metrics
from imports_pipeline.api.requests.bodies import BodyLimit
from imports_pipeline.api.requests.cross_origin import CrossOriginUploads
from imports_pipeline.api.responses.envelope import Refusal, error_response, refusal_of_status
from imports_pipeline.api.routes import (
    batches,
    catalog,
    decisions,
    files,
    health,
    import_contents,
    import_progress,
    imports,
    metrics,
    records,
)
from imports_pipeline.api.throttle import AtOnce, FailedAttempts, RateLimit
from imports_pipeline.api.workers import WorkerPool
from imports_pipeline.database.row_security import Access, DatabaseUnavailable
from imports_pipeline.filestore.stores import Store, StoreError
from imports_pipeline.settings import Settings

_LOG = logging.getLogger("imports_pipeline.api")
_DESCRIPTION: Final = (
    "Import contacts and groups in bulk: merge, overwrite and delete. docs/reference/api.md is the guide."
)


def create_app(
    settings: Settings, database_url: str, store: Store, closing: threading.Event | None = None
) -> FastAPI:
    """Return the application.

    Args:
        settings: The settings of the installation.
        database_url: A database that has all migrations.
        store: A file store that responds.
        closing: Set when the server is asked to stop, so that requests that only wait end.
    """
    closing = closing or threading.Event()

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        state = AppState(
            settings,
            Access(database_url),
            store,
            WorkerPool(settings.api_workers, settings.api_worker_bytes),
            RateLimit(settings.api_rate),
            FailedAttempts(),
            # Each takes a thread and the interpreter, of a large file for seconds.
            AtOnce(in_all=6, each=3),
            Metrics(),
            closing,
        )
        state.access.open()
        state.workers.open()
        app.state.imports = state
        try:
            yield
        finally:
            state.workers.close()
            state.access.close()

    app = FastAPI(
        title="Imports API",
        version="1",
        description=_DESCRIPTION,
        lifespan=running,
        # FastAPI's documentation pages load scripts from a CDN.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(BodyLimit, limit=settings.api_bytes)
    app.add_middleware(CrossOriginUploads)
    for module in (
        imports,
        import_contents,
        import_progress,
        decisions,
        batches,
        catalog,
        records,
        files,
        health,
        metrics,
    ):
        app.include_router(module.router)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(DatabaseUnavailable, _unavailable)
    app.add_exception_handler(StoreError, _unavailable)
    app.add_exception_handler(psycopg.OperationalError, _lost)
    app.add_exception_handler(ClientDisconnect, _hung_up)
    app.add_exception_handler(Exception, _fault)
    return app


async def _refused(request: Request, refusal: Exception) -> JSONResponse:
    assert isinstance(refusal, Refusal)
    return error_response(request, refusal)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [
        {
            "code": "invalid_request",
            "field": ".".join(str(part) for part in one["loc"][1:]) or None,
            "message": one["msg"],
        }
        for one in error.errors()
    ]
    first = f"{errors[0]['field']}: {errors[0]['message']}" if errors else "The request could not be parsed."
    return error_response(request, Refusal(400, "invalid_request", first, errors=errors))


async def _framework(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    refusal = refusal_of_status(error.status_code, str(error.detail))
    refusal.headers.update(error.headers or {})
    return error_response(request, refusal)


async def _unavailable(request: Request, error: Exception) -> JSONResponse:
    _LOG.warning("%s %s: %s", request.method, request.url.path, error)
    _count(request, "store" if isinstance(error, StoreError) else "database")
    return error_response(request, Refusal(503, "unavailable", str(error), headers={"Retry-After": "5"}))


async def _lost(request: Request, error: Exception) -> JSONResponse:
    """Return 503 without the text of the error, which names hosts and users."""
    _LOG.warning("%s %s: %s", request.method, request.url.path, type(error).__name__)
    return await _unavailable(request, DatabaseUnavailable("The database does not respond; try again soon."))


async def _hung_up(request: Request, _: Exception) -> JSONResponse:
    """Return a response that nobody receives: the caller disconnected before the request was complete."""
    return error_response(request, Refusal(400, "invalid_request", "The request was cut off; send it again."))


async def _fault(request: Request, error: Exception) -> JSONResponse:
    _LOG.error("%s %s", request.method, request.url.path, exc_info=error)
    _count(request, "fault")
    return error_response(request, Refusal(500, "fault", "The server failed; its log has the details."))


def _count(request: Request, kind: str) -> None:
    state: AppState = request.app.state.imports
    state.metrics.errors[kind] += 1
