"""The routes of batches: batches of JSON items, and the batches of imports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from imports_pipeline.api import scopes
from imports_pipeline.api.app_state import AppState, state_of
from imports_pipeline.api.authentication import require_scope
from imports_pipeline.api.requests import creation, import_request
from imports_pipeline.api.requests import decisions as decision_bodies
from imports_pipeline.api.requests.parameters import (
    ORDER_BY,
    BatchFiles,
    BatchId,
    Direction,
    ImportFilters,
    Paging,
)
from imports_pipeline.api.responses import list_pages, objects, openapi, openapi_decisions
from imports_pipeline.api.responses.envelope import not_found, success_response
from imports_pipeline.api.responses.outcomes import outcome
from imports_pipeline.api.routes import decisions, imports
from imports_pipeline.model import ids
from imports_pipeline.model.imports import Import
from imports_pipeline.registry import import_records
from imports_pipeline.registry.api_keys import ApiKey

router = APIRouter(prefix="/v1/batches", tags=["batches"])

_Reader = Annotated[ApiKey, Depends(require_scope("batches:read"))]
_Writer = Annotated[ApiKey, Depends(require_scope("batches:write"))]


@router.post("", **openapi.CREATE_BATCH)
async def create_batch(request: Request, key: _Writer) -> JSONResponse:
    """Create a batch of JSON items. `properties` holds defaults for fields that an item does not have."""
    state = state_of(request)
    wanted = await import_request.read_batch_request(request, state.settings)
    batch, made = await run_in_threadpool(creation.create, state, key, wanted)
    if made:
        await state.workers.run_import(batch.id)
        batch = await run_in_threadpool(_get, state, key, batch.id)
    return outcome(request, batch, await run_in_threadpool(objects.batch_object, batch, state.store))


@router.get("", **openapi.LIST)
async def list_batches(
    request: Request,
    key: _Reader,
    paging: Annotated[Paging, Depends()],
    filters: Annotated[ImportFilters, Depends()],
    order_by: Annotated[Literal["created_at", "updated_at", "status"], ORDER_BY] = "created_at",
    direction: Direction = "desc",
    via: Annotated[
        Literal["api", "file"] | None,
        Query(description="Only batches of JSON items (api), or only batches of imports (file)."),
    ] = None,
) -> JSONResponse:
    """List batches, the newest first by default."""
    wanted = paging.of(order_by, direction, {**filters.given(), "via": via})
    return await list_pages.imports(request, key, "batch", wanted, Import.as_batch)


@router.get("/{batch_id}", **openapi.GET_BATCH)
async def get_batch(
    request: Request, key: _Reader, batch_id: BatchId, files: Annotated[BatchFiles, Depends()]
) -> JSONResponse:
    """Return one batch with signed URLs of the requested files."""
    state = state_of(request)
    batch = await run_in_threadpool(_get, state, key, batch_id)
    if wanted := files.requested():
        scopes.check_batch(key, batch, "imports:read")
        scopes.check_files(key, batch, wanted)
    if files.include_errors_xlsx and batch.has_errors_file:
        await state.workers.write_error_workbook(batch.id)
    return await _shown(request, state, batch, include=wanted)


@router.post("/{batch_id}/cancel", **openapi.GET_BATCH)
async def cancel_batch(request: Request, key: _Writer, batch_id: BatchId) -> JSONResponse:
    """Cancel a batch and its import. Nothing changes if its write has not been committed yet."""
    state = state_of(request)
    batch = await run_in_threadpool(_get, state, key, batch_id)
    scopes.check_batch(key, batch, "imports:write")
    return await _shown(request, state, await imports.canceled(state, key, batch))


@router.post("/{batch_id}/revert", **openapi.REVERT_IMPORT)
async def revert_batch(request: Request, key: _Writer, batch_id: BatchId) -> JSONResponse:
    """Undo a batch, or with `dry_run` make only the plan of the undo. The revert is an import."""
    state = state_of(request)
    dry_run = await imports.dry_run_of(request)
    of = await run_in_threadpool(_get, state, key, batch_id)
    scopes.check_batch(key, of, "imports:write")
    return await imports.revert(request, state, key, of, dry_run=dry_run)


@router.post("/{batch_id}/approve", **openapi_decisions.APPROVE_BATCH)
async def approve_batch(request: Request, key: decisions.Approver, batch_id: BatchId) -> JSONResponse:
    """Approve the plan of a batch that a guard has refused: run its items again, if they do just that."""
    state = state_of(request)
    max_deletions, plan_checksum = await decision_bodies.approval_of(request)
    refused = await run_in_threadpool(_get, state, key, batch_id)
    four_eyes = state.settings.four_eyes
    batch = await imports.approve(state, key, refused, max_deletions, plan_checksum, four_eyes=four_eyes)
    return outcome(request, batch, await run_in_threadpool(objects.batch_object, batch, state.store))


@router.post("/{batch_id}/reject", **openapi_decisions.REJECT_BATCH)
async def reject_batch(request: Request, key: decisions.Approver, batch_id: BatchId) -> JSONResponse:
    """Record that a refused batch is not to be approved, and why. Nothing is written."""
    state = state_of(request)
    reason = await decision_bodies.rejection_of(request)
    refused = await run_in_threadpool(_get, state, key, batch_id)
    return await _shown(
        request, state, await run_in_threadpool(decisions.rejected, state, key, refused, reason)
    )


def _get(state: AppState, key: ApiKey, batch_id: str) -> Import:
    if not ids.is_id(ids.BATCH, batch_id):
        raise not_found("batch")
    with state.access.of(key.organization_id) as connection:
        try:
            return import_records.import_of_batch(connection, batch_id, key.organization_id)
        except import_records.NoSuchImport:
            raise not_found("batch") from None


async def _shown(
    request: Request, state: AppState, batch: Import, *, include: Sequence[Any] = ()
) -> JSONResponse:
    shown = await run_in_threadpool(objects.batch_object, batch, state.store, include)
    return success_response(request, shown, message=batch.reason or "")
