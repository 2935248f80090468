"""Metrics for Prometheus, for callers whose key has the scope ``metrics:read``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from imports_pipeline.api.app_state import AppState, state_of
from imports_pipeline.api.authentication import require_scope
from imports_pipeline.api.metrics import CONTENT_TYPE
from imports_pipeline.filestore.stores import StoreError
from imports_pipeline.registry.api_keys import ApiKey

router = APIRouter(tags=["metrics"])


@router.get("/metrics", include_in_schema=False)
async def metrics(
    request: Request, _: Annotated[ApiKey, Depends(require_scope("metrics:read", bearer=True))]
) -> Response:
    """Return the metrics of all organizations in Prometheus' text format."""
    text = await run_in_threadpool(_text, state_of(request))
    return Response(text, media_type=CONTENT_TYPE)


def _text(state: AppState) -> bytes:
    with state.access.trusted() as connection:
        monitored = state.metrics.totals.read(connection)
    return state.metrics.text(monitored, store_is_up=_store_is_up(state))


def _store_is_up(state: AppState) -> bool:
    try:
        state.store.check()
    except (StoreError, OSError):
        return False
    return True
