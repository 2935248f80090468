"""Puts the HTTP API together: routes, limits, and what becomes of everything that goes wrong."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from imports_pipeline.api.app_state import State
from imports_pipeline.api.requests.bodies import Limit
from imports_pipeline.api.responses.envelope import Refusal, refusal_of_status, refuse
from imports_pipeline.api.routes import batches, files, health, imports, records
from imports_pipeline.api.throttle import Failures, Rate
from imports_pipeline.api.workers import Work
from imports_pipeline.database.row_security import Access, DatabaseUnavailable
from imports_pipeline.filestore.stores import Store, StoreError
from imports_pipeline.settings import Settings

_LOG = logging.getLogger("imports_pipeline.api")
_ABOUT: Final = (
    "Contacts and groups in bulk: merge, overwrite and delete. docs/reference/api.md walks through it."
)


def create_app(settings: Settings, database_url: str, store: Store) -> FastAPI:
    """Make the application on a database that is migrated and a store that answers."""

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        state = State(
            settings,
            Access(database_url),
            store,
            Work(settings.api_workers, settings.api_worker_bytes),
            Rate(settings.api_rate),
            Failures(),
        )
        state.access.open()
        state.work.open()
        app.state.imports = state
        try:
            yield
        finally:
            state.work.close()
            state.access.close()

    app = FastAPI(
        title="Imports API",
        version="1",
        description=_ABOUT,
        lifespan=running,
        # The pages of documentation that the framework brings load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(Limit, limit=settings.api_bytes)
    for module in (imports, batches, records, files, health):
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
    return refuse(request, refusal)


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
    first = f"{errors[0]['field']}: {errors[0]['message']}" if errors else "The request cannot be read."
    return refuse(request, Refusal(400, "invalid_request", first, errors=errors))


async def _framework(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    refusal = refusal_of_status(error.status_code, str(error.detail))
    refusal.headers.update(error.headers or {})
    return refuse(request, refusal)


async def _unavailable(request: Request, error: Exception) -> JSONResponse:
    _LOG.warning("%s %s: %s", request.method, request.url.path, error)
    return refuse(request, Refusal(503, "unavailable", str(error), headers={"Retry-After": "5"}))


async def _lost(request: Request, error: Exception) -> JSONResponse:
    """Return that the connection was lost; the error itself names hosts and users."""
    _LOG.warning("%s %s: %s", request.method, request.url.path, type(error).__name__)
    return await _unavailable(request, DatabaseUnavailable("The database does not answer; try again soon."))


async def _hung_up(request: Request, _: Exception) -> JSONResponse:
    """Answer nobody: the caller went before the request was whole, and nothing came of it."""
    return refuse(request, Refusal(400, "invalid_request", "The request was cut off."))


async def _fault(request: Request, error: Exception) -> JSONResponse:
    _LOG.error("%s %s", request.method, request.url.path, exc_info=error)
    return refuse(request, Refusal(500, "fault", "Something broke on the server; its log has the details."))
