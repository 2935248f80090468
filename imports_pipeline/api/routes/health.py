"""Liveness and readiness checks for load balancers and orchestrators."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from imports_pipeline.api.app_state import AppState, state_of
from imports_pipeline.api.responses import openapi
from imports_pipeline.api.responses.envelope import success_response

router = APIRouter(tags=["health"])


@router.get("/healthz", **openapi.HEALTH)
async def healthz(request: Request) -> JSONResponse:
    """Return 200 while the process runs."""
    return success_response(request, {"alive": True})


@router.get("/readyz", **openapi.READY)
async def readyz(request: Request) -> JSONResponse:
    """Return 200 if the database and the file store respond, otherwise 503 with the one that does not."""
    await run_in_threadpool(_check, state_of(request))
    return success_response(request, {"ready": True})


def _check(state: AppState) -> None:
    state.access.check()
    state.store.check()
