"""The routes of imports: create, list, get, cancel, undo; and what the approval of imports and batches shares."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from imports_pipeline.api import scopes
from imports_pipeline.api.app_state import AppState, state_of
from imports_pipeline.api.authentication import require_scope
from imports_pipeline.api.requests import bodies, creation, import_request
from imports_pipeline.api.requests.parameters import (
    ORDER_BY,
    Direction,
    ImportFiles,
    ImportFilters,
    ImportId,
    Paging,
)
from imports_pipeline.api.responses import list_pages, objects, openapi
from imports_pipeline.api.responses.envelope import Refusal, not_found, success_response
from imports_pipeline.api.responses.outcomes import outcome
from imports_pipeline.model import ids
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import Action, Mode
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.options import Options
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import api_keys, import_records, import_updates
from imports_pipeline.registry.api_keys import ApiKey
from imports_pipeline.workflow.approval import request_approval
from imports_pipeline.workflow.decisions.refusable import Undecidable

router = APIRouter(prefix="/v1/imports", tags=["imports"])

Reader = Annotated[ApiKey, Depends(require_scope("imports:read"))]
Writer = Annotated[ApiKey, Depends(require_scope("imports:write"))]


@router.post("", **openapi.CREATE_IMPORT)
async def create_import(request: Request, key: Writer) -> JSONResponse:
    """Create an import from inline data or from a file in a form. Without data, return an upload URL."""
    state = state_of(request)
    wanted = await import_request.read_import_request(request, state.settings)
    import_, made = await run_in_threadpool(creation.create, state, key, wanted)
    if made and wanted.content is not None:
        await state.workers.run_import(import_.id)
        import_ = await run_in_threadpool(get, state, key, import_.id)
    return await _outcome(request, state, import_)


@router.get("", **openapi.LIST)
async def list_imports(
    request: Request,
    key: Reader,
    paging: Annotated[Paging, Depends()],
    filters: Annotated[ImportFilters, Depends()],
    awaiting: Annotated[
        Literal["approval"] | None,
        Query(
            description="`approval`: only imports that a guard has refused because of the records that they would"
            " remove, and that nobody has approved or rejected."
        ),
    ] = None,
    order_by: Annotated[Literal["created_at", "updated_at", "name", "status"], ORDER_BY] = "created_at",
    direction: Direction = "desc",
) -> JSONResponse:
    """List imports, the newest first by default."""
    wanted = paging.of(order_by, direction, {**filters.given(), "awaiting": awaiting})
    return await list_pages.imports(request, key, "import", wanted, Import.as_object)


@router.get("/{import_id}", **openapi.GET_IMPORT)
async def get_import(
    request: Request, key: Reader, import_id: ImportId, files: Annotated[ImportFiles, Depends()]
) -> JSONResponse:
    """Return one import with signed URLs of the requested files."""
    state = state_of(request)
    import_ = await run_in_threadpool(get, state, key, import_id)
    scopes.check_files(key, import_, files.requested())
    if files.include_upload_json and import_.has_upload_file:
        await state.workers.write_upload_json(import_.id)
    if files.include_errors_xlsx and import_.has_errors_file:
        await state.workers.write_error_workbook(import_.id)
    people = await run_in_threadpool(_people, state, import_)
    return await _shown(request, state, import_, include=files.requested(), people=people)


def _people(state: AppState, import_: Import) -> dict[str, str]:
    """Return the names of the API keys that have made, approved or rejected an import, as the import names them."""
    who = (import_.created_by, import_.approved_by, import_.rejected_by)
    ids_ = {one: one.removeprefix("key:") for one in who if one is not None and one.startswith("key:")}
    if not ids_:
        return {}
    # The role of the API has no right to keys, so the statement names the organization.
    with state.access.trusted() as connection:
        found = api_keys.names(connection, import_.organization_id, list(ids_.values()))
    return {one: found[key_id] for one, key_id in ids_.items() if key_id in found}


@router.post("/{import_id}/cancel", **openapi.CANCEL_IMPORT)
async def cancel_import(request: Request, key: Writer, import_id: ImportId) -> JSONResponse:
    """Cancel an import. Nothing changes if its write has not been committed yet."""
    state = state_of(request)
    import_ = await run_in_threadpool(get, state, key, import_id)
    return await _shown(request, state, await canceled(state, key, import_))


async def canceled(state: AppState, key: ApiKey, import_: Import) -> Import:
    """Cancel an import or a batch and return it in its final state.

    Raises:
        Refusal: the import had already ended.
    """
    if not import_.has_ended:
        await state.workers.cancel(import_.id)
        import_ = await run_in_threadpool(recorded, state, key, import_.id)
    if import_.code != "canceled":
        shown = import_.as_batch() if import_.is_batch else import_.as_object()
        message = f"The import has already ended ({import_.status}); there is nothing to cancel."
        raise Refusal(409, "already_ended", message, data=shown)
    return import_


@router.post("/{import_id}/revert", **openapi.REVERT_IMPORT)
async def revert_import(request: Request, key: Writer, import_id: ImportId) -> JSONResponse:
    """Undo an import, or with `dry_run` make only the plan of the undo."""
    state = state_of(request)
    dry_run = await dry_run_of(request)
    of = await run_in_threadpool(get, state, key, import_id)
    return await revert(request, state, key, of, dry_run=dry_run)


async def dry_run_of(request: Request) -> bool:
    """Return ``dry_run`` from the optional body of a request for a revert.

    Raises:
        Refusal: the body is no JSON object, or has anything but a boolean ``dry_run``.
    """
    body = await request.body()
    if not body:
        return False
    given = bodies.json_object(body)
    dry_run = given.pop("dry_run", False)
    if given or not isinstance(dry_run, bool):
        raise Refusal(
            400, "invalid_request", "The body may have one field, `dry_run`, which is true or false."
        )
    return dry_run


async def approve(
    state: AppState,
    key: ApiKey,
    refused: Import,
    max_deletions: int | None,
    plan_checksum: str | None = None,
    *,
    four_eyes: bool = False,
) -> Import:
    """Import the file of a refused import or batch again with this ceiling, and return the new import."""
    import_id = await run_in_threadpool(
        _request_approval, state, key, refused, max_deletions, plan_checksum, four_eyes
    )
    return await run(state, key, import_id, "approve it again")


async def run(state: AppState, key: ApiKey, import_id: str, again: str, *, is_revert: bool = False) -> Import:
    """Run a registered import or revert that decides about another one, and return it.

    If the API is too busy the import ends, because otherwise the caller could not decide ``again``.

    Raises:
        Refusal: too many callers wait, or two workers died.
    """
    try:
        await (state.workers.run_revert if is_revert else state.workers.run_import)(import_id)
    except Refusal as refusal:
        if refusal.code == "busy":
            await run_in_threadpool(_withdraw, state, key, import_id, again)
        raise
    return await run_in_threadpool(recorded, state, key, import_id)


def _withdraw(state: AppState, key: ApiKey, import_id: str, again: str) -> None:
    with state.access.of(key.organization_id) as connection:
        import_updates.transition(
            connection,
            import_id,
            Status.FAILED,
            code="canceled",
            reason=f"Too many callers were waiting, so the import did not begin; {again}.",
        )


def _request_approval(
    state: AppState,
    key: ApiKey,
    refused: Import,
    max_deletions: int | None,
    plan_checksum: str | None,
    four_eyes: bool,
) -> str:
    with state.access.of(key.organization_id) as connection:
        try:
            return request_approval(
                connection,
                state.store,
                refused,
                max_deletions=max_deletions,
                source="api",
                approved_by=f"key:{key.id}",
                plan_checksum=plan_checksum,
                four_eyes=four_eyes,
            ).id
        except Undecidable as error:
            raise undecidable(error) from None
        except InvalidOption as error:
            raise Refusal(409, "nothing_to_approve", str(error)) from None


def undecidable(error: Undecidable) -> Refusal:
    """Return the response to a decision about a refused import that cannot be taken."""
    return Refusal(403 if error.code == "four_eyes" else 409, error.code, str(error))


async def revert(
    request: Request, state: AppState, key: ApiKey, of: Import, *, dry_run: bool
) -> JSONResponse:
    """Undo an import or a batch, or make the plan of the undo, and return the response."""
    revert_id = await run_in_threadpool(_request_revert, state, key, of, dry_run)
    await state.workers.run_revert(revert_id)
    import_ = await run_in_threadpool(get, state, key, revert_id)
    return await _outcome(request, state, import_)


def get(state: AppState, key: ApiKey, import_id: str) -> Import:
    """Return an import of the key's organization.

    Raises:
        Refusal: the organization has no import with this id.
    """
    if not ids.is_id(ids.IMPORT, import_id):
        raise not_found("import")
    return recorded(state, key, import_id)


def recorded(state: AppState, key: ApiKey, import_id: str) -> Import:
    """Return an import, or a batch of JSON items, of the key's organization.

    Raises:
        Refusal: the organization has neither with this id.
    """
    with state.access.of(key.organization_id) as connection:
        try:
            return import_records.get_import(connection, import_id, key.organization_id)
        except import_records.NoSuchImport:
            raise not_found("import") from None


def _request_revert(state: AppState, key: ApiKey, of: Import, dry_run: bool) -> str:
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


async def _outcome(request: Request, state: AppState, import_: Import) -> JSONResponse:
    return outcome(request, import_, await run_in_threadpool(objects.import_object, import_, state.store))


async def _shown(
    request: Request, state: AppState, import_: Import, *, include: Any = (), **more: Any
) -> JSONResponse:
    shown = await run_in_threadpool(objects.import_object, import_, state.store, include)
    shown |= more
    return success_response(request, shown, message=import_.reason or "")
