"""True if the process lives, and whether it can do its work: for load balancers and orchestrators."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from imports_pipeline.api.app_state import State, state_of
from imports_pipeline.api.responses import openapi
from imports_pipeline.api.responses.envelope import answer

router = APIRouter(tags=["health"])


@router.get("/healthz", **openapi.HEALTH)
async def healthz(request: Request) -> JSONResponse:
    """Answer: the process lives."""
    return answer(request, {"alive": True})


@router.get("/readyz", **openapi.READY)
async def readyz(request: Request) -> JSONResponse:
    """Answer when database and file store do; else 503 says which does not."""
    await run_in_threadpool(_check, state_of(request))
    return answer(request, {"ready": True})


def _check(state: State) -> None:
    state.access.check()
    state.store.check()
