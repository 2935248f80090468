"""The routes that read what an import found in its file and would do: its first rows, plan, and rejected rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from imports_pipeline.api import scopes
from imports_pipeline.api.app_state import AppState, state_of
from imports_pipeline.api.requests.parameters import ImportId, Paging, text_filter
from imports_pipeline.api.responses import openapi_reading
from imports_pipeline.api.responses.envelope import Refusal, not_found, pagination_of, success_response
from imports_pipeline.api.responses.shown_rows import shown_rows
from imports_pipeline.api.routes.imports import Reader, get
from imports_pipeline.batch_phases.planning.plan_entries import read_plan
from imports_pipeline.import_phases.files.entry_index import Page
from imports_pipeline.import_phases.files.error_entries import read_errors
from imports_pipeline.import_phases.limits import Limits
from imports_pipeline.import_phases.shown_rows.first_rows import FirstRows, first_rows
from imports_pipeline.model.imports import Import
from imports_pipeline.reading.options import NotATable

router = APIRouter(prefix="/v1/imports/{import_id}", tags=["imports"])

_Operation = Literal[
    "overwritten",
    "deleted",
    "created",
    "updated",
    "groups_created",
    "unchanged",
    "conflict",
    "groups_deleted",
    "groups_left",
]


@router.get("/plan", **openapi_reading.PLAN)
async def list_plan(
    request: Request,
    key: Reader,
    import_id: ImportId,
    paging: Annotated[Paging, Depends()],
    operation: Annotated[_Operation | None, Query(description="Only records with this operation.")] = None,
    search: Annotated[
        str | None,
        text_filter("Only records with this text in their name, id, email or external id, in any case."),
    ] = None,
) -> JSONResponse:
    """List what a dry run, a refused import or a revert does record by record, removals first."""
    state = state_of(request)

    def read() -> Page:
        import_ = get(state, key, import_id)
        scopes.check_files(key, import_, ["plan_json"])
        page = _page(state, import_, paging, read_plan, operation=operation, search=search)
        if page is None:
            raise Refusal(
                409,
                "no_plan",
                "The import keeps no plan. Dry runs, reverts and imports that a guard refused have one, as long as"
                " their files are kept.",
            )
        return page

    return _listed(request, paging, await run_in_threadpool(read), "operations")


@router.get("/errors", **openapi_reading.ERRORS)
async def list_errors(
    request: Request,
    key: Reader,
    import_id: ImportId,
    paging: Annotated[Paging, Depends()],
    code: Annotated[str | None, text_filter("Only rows that have an error with this code.")] = None,
    left_out: Annotated[
        bool, Query(description="True to list also the rows that are imported without an invalid cell.")
    ] = False,
) -> JSONResponse:
    """List the rejected rows with their cells as written and all their errors, in order of line."""
    state = state_of(request)

    def read() -> Page:
        import_ = get(state, key, import_id)
        page = _page(state, import_, paging, read_errors, code=code, left_out=left_out)
        if page is not None:
            return page
        if import_.has_errors_file:
            raise not_found("errors file (any more); its import keeps files for a while only")
        return Page([], 0, {})

    return _listed(request, paging, await run_in_threadpool(read), "codes")


@router.get("/rows", **openapi_reading.ROWS)
async def show_rows(
    request: Request,
    key: Reader,
    import_id: ImportId,
    limit: Annotated[int, Query(ge=1, le=200, description="The largest number of rows.")] = 20,
) -> JSONResponse:
    """Return how the columns of the file were understood, and its first rows as written and as understood."""
    state = state_of(request)

    def read() -> FirstRows:
        import_ = get(state, key, import_id)
        files = state.store.folder(import_.folder)
        try:
            return first_rows(import_, files, limit, Limits.of(state.settings))
        except FileNotFoundError:
            raise Refusal(
                409, "no_rows", "The import has no file: none has arrived yet, or it is kept no more."
            ) from None
        except NotATable as error:
            raise Refusal(409, "no_rows", error.reason) from None

    return success_response(request, shown_rows(await run_in_threadpool(read)))


def _page(
    state: AppState, import_: Import, paging: Paging, read: Callable[..., Page | None], **filters: object
) -> Page | None:
    """Return the page of a file of an import that ``read`` returns for these filters."""
    return read(state.store.folder(import_.folder), import_.resource, paging.first, paging.limit, **filters)


def _listed(request: Request, paging: Paging, page: Page, counts: str) -> JSONResponse:
    pagination = pagination_of(paging.page, paging.limit, page.total)
    return success_response(request, page.entries, pagination={**pagination, counts: page.counts})
