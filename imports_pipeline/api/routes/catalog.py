"""The routes that say what a caller can use: its own key, and the resources with their fields and options."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from imports_pipeline.api.authentication import require_scope
from imports_pipeline.api.responses import openapi_reading
from imports_pipeline.api.responses.envelope import success_response
from imports_pipeline.api.responses.resource_list import resource_list
from imports_pipeline.registry.api_keys import ApiKey

router = APIRouter(prefix="/v1", tags=["catalog"])

_Caller = Annotated[ApiKey, Depends(require_scope())]


@router.get("/key", **openapi_reading.GET_KEY)
async def get_key(request: Request, key: _Caller) -> JSONResponse:
    """Return the organization, the scopes and the expiry of the key that the request is made with."""
    shown = key.as_object()
    return success_response(
        request,
        {
            "object": "key",
            "id": shown["id"],
            "organization": shown["organization_id"],
            **{name: shown[name] for name in ("name", "scopes", "expires_at")},
        },
    )


@router.get("/resources", **openapi_reading.RESOURCES)
async def list_resources(request: Request, _: _Caller) -> JSONResponse:
    """List the resources with their fields, the headers that are understood as each field, and the options."""
    return success_response(request, await run_in_threadpool(resource_list))
