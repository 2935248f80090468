"""The routes of batches: of items without an import, and what imports became."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from imports_pipeline.api import scopes
from imports_pipeline.api.app_state import State, state_of
from imports_pipeline.api.authentication import needs
from imports_pipeline.api.requests import creation, import_request
from imports_pipeline.api.requests.parameters import BatchFiles, Direction, ImportFilters, Paging
from imports_pipeline.api.responses import list_pages, objects, openapi
from imports_pipeline.api.responses.envelope import answer, not_found
from imports_pipeline.api.responses.outcomes import outcome
from imports_pipeline.api.routes import imports
from imports_pipeline.model import ids
from imports_pipeline.model.imports import Import
from imports_pipeline.registry import import_records
from imports_pipeline.registry.api_keys import ApiKey

router = APIRouter(prefix="/v1/batches", tags=["batches"])

_Reader = Annotated[ApiKey, Depends(needs("batches:read"))]
_Writer = Annotated[ApiKey, Depends(needs("batches:write"))]


@router.post("", **openapi.CREATE_BATCH)
async def create_batch(request: Request, key: _Writer) -> JSONResponse:
    """Create a batch of JSON items; `properties` are defaults for the fields that an item does not name."""
    state = state_of(request)
    asked = await import_request.batch_of(request, state.settings)
    batch, made = await run_in_threadpool(creation.create, state, key, asked)
    if made:
        await state.work.run_import(batch.id)
        batch = await run_in_threadpool(_get, state, key, batch.id)
    return outcome(request, batch, await run_in_threadpool(objects.batch_object, batch, state.store))


@router.get("", **openapi.LIST)
async def list_batches(
    request: Request,
    key: _Reader,
    paging: Annotated[Paging, Depends()],
    filters: Annotated[ImportFilters, Depends()],
    order_by: Literal["created_at", "updated_at", "status"] = "created_at",
    direction: Direction = "desc",
    via: Literal["api", "file"] | None = None,
) -> JSONResponse:
    """List batches, the newest first."""
    wanted = paging.of(order_by, direction, {**filters.given(), "via": via})
    return await list_pages.imports(request, key, "batch", wanted, Import.as_batch)


@router.get("/{batch_id}", **openapi.GET_BATCH)
async def get_batch(
    request: Request, key: _Reader, batch_id: str, files: Annotated[BatchFiles, Depends()]
) -> JSONResponse:
    """Return one batch, with signed URLs of the files that are asked for."""
    state = state_of(request)
    batch = await run_in_threadpool(_get, state, key, batch_id)
    if wanted := files.asked():
        scopes.check_batch(key, batch, "imports:read")
        scopes.check_files(key, batch, wanted)
    return await _shown(request, state, batch, include=wanted)


@router.post("/{batch_id}/cancel", **openapi.GET_BATCH)
async def cancel_batch(request: Request, key: _Writer, batch_id: str) -> JSONResponse:
    """Cancel a batch, and the import that it is of: until its write is committed nothing has changed."""
    state = state_of(request)
    batch = await run_in_threadpool(_get, state, key, batch_id)
    scopes.check_batch(key, batch, "imports:write")
    return await _shown(request, state, await imports.canceled(state, key, batch))


@router.post("/{batch_id}/revert", **openapi.REVERT_IMPORT)
async def revert_batch(request: Request, key: _Writer, batch_id: str) -> JSONResponse:
    """Take a batch back, or with `dry_run` only plan that; the revert is an import."""
    state = state_of(request)
    dry_run = await imports.dry_run_of(request)
    of = await run_in_threadpool(_get, state, key, batch_id)
    scopes.check_batch(key, of, "imports:write")
    return await imports.revert(request, state, key, of, dry_run=dry_run)


def _get(state: State, key: ApiKey, batch_id: str) -> Import:
    if not ids.is_id(ids.BATCH, batch_id):
        raise not_found("batch")
    with state.access.of(key.organization_id) as connection:
        try:
            return import_records.import_of_batch(connection, batch_id, key.organization_id)
        except import_records.NoSuchImport:
            raise not_found("batch") from None


async def _shown(
    request: Request, state: State, batch: Import, *, include: Sequence[Any] = ()
) -> JSONResponse:
    shown = await run_in_threadpool(objects.batch_object, batch, state.store, include)
    return answer(request, shown, message=batch.reason or "")
