"""The routes by which people decide about a plan that they have seen: correct rows, commit, approve, reject."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from imports_pipeline.api.app_state import AppState, state_of
from imports_pipeline.api.authentication import require_scope
from imports_pipeline.api.requests import decisions
from imports_pipeline.api.requests.parameters import IdempotencyKey, ImportId
from imports_pipeline.api.responses import objects, openapi_decisions
from imports_pipeline.api.responses.envelope import Refusal, success_response
from imports_pipeline.api.responses.outcomes import outcome
from imports_pipeline.api.routes import imports
from imports_pipeline.import_phases.limits import Limits
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.files import UPLOAD
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import Mode
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.reading.corrections import InvalidCorrection
from imports_pipeline.registry import idempotency, import_records, saved_mappings
from imports_pipeline.registry.api_keys import ApiKey
from imports_pipeline.workflow.decisions.commit import SeenPlan, request_commit
from imports_pipeline.workflow.decisions.corrections import Corrections, mapping_to_save, request_corrections
from imports_pipeline.workflow.decisions.plan_changes import changed_counts
from imports_pipeline.workflow.decisions.refusable import Undecidable
from imports_pipeline.workflow.decisions.rejection import reject

router = APIRouter(prefix="/v1/imports", tags=["imports"])

Approver = Annotated[ApiKey, Depends(require_scope("imports:approve"))]
_Writer = Annotated[ApiKey, Depends(require_scope("imports:write"))]


@router.post("/{import_id}/commit", **openapi_decisions.COMMIT_IMPORT)
async def commit_import(request: Request, key: _Writer, import_id: ImportId) -> JSONResponse:
    """Carry out a dry run of an import or of an undo, if that does exactly what its plan shows."""
    state = state_of(request)
    seen, mode = await decisions.commit_of(request)
    dry_run = await run_in_threadpool(imports.get, state, key, import_id)
    import_, made = await run_in_threadpool(_request_commit, state, key, dry_run, seen, mode)
    if made:
        import_ = await imports.run(
            state, key, import_.id, "commit the dry run again", is_revert=import_.reverts is not None
        )
    return await answer(request, state, key, import_)


@router.post("/{import_id}/corrections", **openapi_decisions.CORRECT_IMPORT)
async def correct_import(
    request: Request, key: _Writer, import_id: ImportId, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Check the file of an import again with some rows replaced, as a dry run. Everything else in it stays."""
    state = state_of(request)
    of = await run_in_threadpool(imports.get, state, key, import_id)
    corrections, save_as, fingerprint = await decisions.corrections_of(request, of.resource)
    import_, made = await run_in_threadpool(
        _request_corrections, state, key, of, corrections, save_as, (idempotency_key, fingerprint)
    )
    if made:
        import_ = await imports.run(state, key, import_.id, "send the corrections again")
    return await answer(request, state, key, import_)


def _request_corrections(
    state: AppState,
    key: ApiKey,
    of: Import,
    corrections: Corrections,
    save_as: str | None,
    repeated: tuple[str | None, bytes],
) -> tuple[Import, bool]:
    """Register the dry run with the corrections, or return the one of an equal request that has not ended."""
    organization, limits = key.organization_id, _limits(state, of, corrections)
    given, fingerprint = repeated
    fingerprint += of.id.encode()
    with _a_place(state, organization), state.access.of(organization) as connection:

        def make() -> str:
            return request_corrections(
                connection, state.store, of, corrections, limits, source="api", created_by=f"key:{key.id}"
            ).id

        # Without a key of the caller's, the same corrections are a second click on a button, as long as the dry run
        # of the first one has not ended. A caller's key has no such character.
        ended = import_records.count_corrections(connection, of)
        once = given or f"\x1f{of.id}/{ended}/{fingerprint.hex()}"
        try:
            import_id, made = idempotency.once(connection, organization, once, fingerprint, make)
        except idempotency.KeyReused as error:
            raise Refusal(409, "idempotency_key_reused", str(error)) from None
        except InvalidCorrection as error:
            where = f"Line {error.line:,}" + ("" if error.column is None else f", {error.column!r}")
            errors = [{"code": "invalid_correction", "field": error.column, "message": error.reason}]
            raise Refusal(400, "invalid_correction", f"{where}: {error.reason}", errors=errors) from None
        except InvalidOption as error:
            raise Refusal(409, "nothing_to_correct", str(error)) from None
        except PermanentFailure as failure:
            raise Refusal(
                409, "nothing_to_correct", f"The file of {of.id} is no table: {failure.reason}"
            ) from None
        import_ = import_records.get_import(connection, import_id, organization)
    if made and save_as is not None:
        mapping = mapping_to_save(import_, state.store.folder(import_.folder), limits, save_as)
        if mapping is not None:
            # The role of the API has no right to saved mappings, so the statement names the organization.
            with state.access.trusted() as connection:
                saved_mappings.save(connection, organization, mapping)
    return import_, made


@contextmanager
def _a_place(state: AppState, organization: str) -> Iterator[None]:
    """Keep one of the places of requests that write a corrected file. Raises ``Refusal`` if all are taken."""
    with state.corrections.of(organization) as may:
        if not may:
            raise Refusal(
                429,
                "too_many_corrections",
                "Too many files are being corrected at the moment; try again in a few seconds.",
                headers={"Retry-After": "5"},
            )
        yield


def _limits(state: AppState, of: Import, corrections: Corrections) -> Limits:
    """Return the limits of the file that a thread of the API reads. Raises ``Refusal`` if it is too large already."""
    limits = Limits.of(state.settings)
    if not corrections.rows:
        # The file is copied as it is.
        return limits
    most = limits.api_unpacked_bytes
    found = state.store.stat(f"{of.folder}/{UPLOAD}")
    if found is not None and found.size > most:
        raise Refusal(
            413,
            "file_too_large",
            f"The file of {of.id} has {found.size:,} bytes, and rows can be corrected here in files of up to {most:,};"
            " correct the file itself, and send it again.",
        )
    return replace(limits, unpacked_bytes=min(limits.unpacked_bytes, most))


def _request_commit(
    state: AppState, key: ApiKey, dry_run: Import, seen: SeenPlan, mode: Mode | None
) -> tuple[Import, bool]:
    with state.access.of(key.organization_id) as connection:
        try:
            return request_commit(
                connection,
                state.store,
                dry_run,
                seen,
                mode=mode,
                source="api",
                created_by=f"key:{key.id}",
                history_days=state.settings.history_days,
            )
        except InvalidOption as error:
            raise Refusal(409, "nothing_to_commit", str(error)) from None
        except PermanentFailure as failure:
            raise Refusal(409, failure.code, failure.reason, data=dry_run.as_object()) from None


@router.post("/{import_id}/approve", **openapi_decisions.APPROVE_IMPORT)
async def approve_import(request: Request, key: Approver, import_id: ImportId) -> JSONResponse:
    """Approve the plan of an import that a guard has refused: import its file again, if it does just that."""
    state = state_of(request)
    max_deletions, plan_checksum = await decisions.approval_of(request)
    refused = await run_in_threadpool(imports.get, state, key, import_id)
    four_eyes = state.settings.four_eyes
    import_ = await imports.approve(state, key, refused, max_deletions, plan_checksum, four_eyes=four_eyes)
    return await answer(request, state, key, import_)


@router.post("/{import_id}/reject", **openapi_decisions.REJECT_IMPORT)
async def reject_import(request: Request, key: Approver, import_id: ImportId) -> JSONResponse:
    """Record that a refused import is not to be approved, and why. Nothing is written."""
    state = state_of(request)
    reason = await decisions.rejection_of(request)
    refused = await run_in_threadpool(imports.get, state, key, import_id)
    import_ = await run_in_threadpool(rejected, state, key, refused, reason)
    shown = await run_in_threadpool(objects.import_object, import_, state.store)
    return success_response(request, shown, message=import_.reason or "")


def rejected(state: AppState, key: ApiKey, refused: Import, reason: str) -> Import:
    """Reject a refused import or batch and return it. Raises ``Refusal`` if that is not possible."""
    with state.access.of(key.organization_id) as connection:
        try:
            return reject(connection, refused, reason=reason, rejected_by=f"key:{key.id}")
        except Undecidable as error:
            raise imports.undecidable(error) from None


async def answer(request: Request, state: AppState, key: ApiKey, import_: Import) -> JSONResponse:
    """Return the response with an import that carries out a plan.

    Raises:
        Refusal: the import has failed; if its plan is another than the one that was seen, with each count that differs.
    """
    shown = await run_in_threadpool(objects.import_object, import_, state.store)
    try:
        return outcome(request, import_, shown)
    except Refusal as refusal:
        if import_.code == "plan_changed":
            refusal.errors = await run_in_threadpool(_changes, state, key, import_)
        raise


def _changes(state: AppState, key: ApiKey, import_: Import) -> list[Mapping[str, Any]]:
    with state.access.of(key.organization_id) as connection:
        seen = import_records.seen_plan(connection, import_)
    return [
        {"code": "plan_changed", "field": name, "message": f"{old} before, {new} now"}
        for name, (old, new) in changed_counts(seen, import_).items()
    ]
