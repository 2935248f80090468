"""The routes of imports: create, look at, cancel, take back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from imports_pipeline.api import scopes
from imports_pipeline.api.app_state import State, state_of
from imports_pipeline.api.authentication import needs
from imports_pipeline.api.requests import bodies, creation, import_request
from imports_pipeline.api.requests.parameters import Direction, ImportFiles, ImportFilters, Paging
from imports_pipeline.api.responses import list_pages, objects, openapi
from imports_pipeline.api.responses.envelope import Refusal, answer, not_found
from imports_pipeline.api.responses.outcomes import outcome
from imports_pipeline.model import ids
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.options import Action, Mode, Options
from imports_pipeline.registry import import_records
from imports_pipeline.registry.api_keys import ApiKey

router = APIRouter(prefix="/v1/imports", tags=["imports"])

Reader = Annotated[ApiKey, Depends(needs("imports:read"))]
Writer = Annotated[ApiKey, Depends(needs("imports:write"))]


@router.post("", **openapi.CREATE_IMPORT)
async def create_import(request: Request, key: Writer) -> JSONResponse:
    """Create an import from inline data, from a file in a form, or without data for an upload URL."""
    state = state_of(request)
    asked = await import_request.import_of(request, state.settings)
    import_, made = await run_in_threadpool(creation.create, state, key, asked)
    if made and asked.content is not None:
        await state.work.run_import(import_.id)
        import_ = await run_in_threadpool(get, state, key, import_.id)
    return await _outcome(request, state, import_)


@router.get("", **openapi.LIST)
async def list_imports(
    request: Request,
    key: Reader,
    paging: Annotated[Paging, Depends()],
    filters: Annotated[ImportFilters, Depends()],
    order_by: Literal["created_at", "updated_at", "name", "status"] = "created_at",
    direction: Direction = "desc",
) -> JSONResponse:
    """List imports, the newest first."""
    wanted = paging.of(order_by, direction, filters.given())
    return await list_pages.imports(request, key, "import", wanted, Import.as_object)


@router.get("/{import_id}", **openapi.GET_IMPORT)
async def get_import(
    request: Request, key: Reader, import_id: str, files: Annotated[ImportFiles, Depends()]
) -> JSONResponse:
    """Return one import, with signed URLs of the files that are asked for."""
    state = state_of(request)
    import_ = await run_in_threadpool(get, state, key, import_id)
    scopes.check_files(key, import_, files.asked())
    if files.include_upload_json and import_.has_upload_file:
        await state.work.write_upload_json(import_.id)
    return await _shown(request, state, import_, include=files.asked())


@router.post("/{import_id}/cancel", **openapi.CANCEL_IMPORT)
async def cancel_import(request: Request, key: Writer, import_id: str) -> JSONResponse:
    """Cancel an import: until its write is committed nothing has changed."""
    state = state_of(request)
    import_ = await run_in_threadpool(get, state, key, import_id)
    return await _shown(request, state, await canceled(state, key, import_))


async def canceled(state: State, key: ApiKey, import_: Import) -> Import:
    """Cancel an import or a batch and give it as it ended. Raises ``Refusal`` when it is too late."""
    if not import_.has_ended:
        await state.work.cancel(import_.id)
        import_ = await run_in_threadpool(recorded, state, key, import_.id)
    if import_.code != "canceled":
        shown = import_.as_batch() if import_.is_batch else import_.as_object()
        message = f"It has ended ({import_.status}); there is nothing to cancel."
        raise Refusal(409, "already_ended", message, data=shown)
    return import_


@router.post("/{import_id}/revert", **openapi.REVERT_IMPORT)
async def revert_import(request: Request, key: Writer, import_id: str) -> JSONResponse:
    """Take an import back, or with ``dry_run`` only plan that."""
    state = state_of(request)
    dry_run = await dry_run_of(request)
    of = await run_in_threadpool(get, state, key, import_id)
    return await revert(request, state, key, of, dry_run=dry_run)


async def dry_run_of(request: Request) -> bool:
    """Read the body of the request for a revert, if there is one. Raises ``Refusal``."""
    body = await request.body()
    if not body:
        return False
    given = bodies.object_of(body)
    dry_run = given.pop("dry_run", False)
    if given or not isinstance(dry_run, bool):
        raise Refusal(400, "invalid_request", "The body takes `dry_run`, true or false, and nothing else.")
    return dry_run


async def revert(request: Request, state: State, key: ApiKey, of: Import, *, dry_run: bool) -> JSONResponse:
    """Take an import or a batch back, or plan that."""
    revert_id = await run_in_threadpool(_request_revert, state, key, of, dry_run)
    await state.work.run_revert(revert_id)
    import_ = await run_in_threadpool(get, state, key, revert_id)
    return await _outcome(request, state, import_)


def get(state: State, key: ApiKey, import_id: str) -> Import:
    """Return an import of the key's organization. Raises ``Refusal``."""
    if not ids.is_id(ids.IMPORT, import_id):
        raise not_found("import")
    return recorded(state, key, import_id)


def recorded(state: State, key: ApiKey, import_id: str) -> Import:
    """Return an import, or a batch of items, of the key's organization. Raises ``Refusal``."""
    with state.access.of(key.organization_id) as connection:
        try:
            return import_records.get_import(connection, import_id, key.organization_id)
        except import_records.NoSuchImport:
            raise not_found("import") from None


def _request_revert(state: State, key: ApiKey, of: Import, dry_run: bool) -> str:
    try:
        import_records.check_revertible(of, state.settings.history_days)
    except InvalidOption as error:
        raise Refusal(409, "nothing_to_revert", str(error)) from None
    with state.access.of(key.organization_id) as connection:
        return import_records.create_import(
            connection,
            organization_id=key.organization_id,
            resource=of.resource,
            options=Options(action=Action.REVERT, mode=Mode.SYNC, dry_run=dry_run),
            source="api",
            reverts=of.id,
            created_by=f"key:{key.id}",
        ).id


async def _outcome(request: Request, state: State, import_: Import) -> JSONResponse:
    return outcome(request, import_, await run_in_threadpool(objects.import_object, import_, state.store))


async def _shown(request: Request, state: State, import_: Import, *, include: Any = ()) -> JSONResponse:
    shown = await run_in_threadpool(objects.import_object, import_, state.store, include)
    return answer(request, shown, message=import_.reason or "")
