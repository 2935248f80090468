"""Pages of lists: the parameters that all of them take, and the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from fastapi import Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from imports_pipeline.api.bodies import check_text
from imports_pipeline.api.envelope import Refusal, answer
from imports_pipeline.api.state import state_of
from imports_pipeline.model.imports import Import
from imports_pipeline.storage import lists, registry
from imports_pipeline.storage.access import Connection
from imports_pipeline.storage.api_keys import ApiKey

Page = Annotated[int, Query(ge=1, le=lists.FARTHEST, description="From 1.")]
Limit = Annotated[int, Query(ge=1, le=lists.LONGEST, description="The most on a page.")]
Direction = Annotated[Literal["asc", "desc"], Query()]
Text = Annotated[str | None, Query(min_length=1, max_length=255)]


def asked(page: int, limit: int, order_by: str, direction: str, filters: Mapping[str, Any]) -> lists.Asked:
    """Check what page is asked for. Raises ``Refusal``."""
    for name, value in filters.items():
        if isinstance(value, str):
            check_text(value)
            if "\0" in value:
                raise Refusal(400, "invalid_request", f"{name}: holds a NUL character")
    return lists.Asked(page, limit, order_by, direction == "desc", filters)


def find(connection: Connection, kind: str, organization_id: str, wanted: lists.Asked) -> lists.Found:
    """Give a page. Raises ``Refusal``."""
    try:
        return lists.find(connection, kind, organization_id, wanted)
    except ValueError as error:
        raise Refusal(400, "invalid_request", str(error)) from None


async def imports_page(
    request: Request, key: ApiKey, kind: str, wanted: lists.Asked, show: Callable[[Import], dict[str, Any]]
) -> JSONResponse:
    """Answer with a page of imports or batches, each as ``show`` gives it. Raises ``Refusal``."""
    state = state_of(request)
    organization = key.organization_id

    def look() -> tuple[lists.Found, list[Import]]:
        with state.access.of(organization) as connection:
            found = find(connection, kind, organization, wanted)
            ids = [row["id"] for row in found.rows]
            return found, registry.get_imports(connection, organization, ids)

    found, records = await run_in_threadpool(look)
    return page_of(request, wanted, found, [show(record) for record in records])


def page_of(request: Request, wanted: lists.Asked, found: lists.Found, data: list[Any]) -> JSONResponse:
    """Answer with a page."""
    pagination = {
        "page": wanted.page,
        "limit": wanted.limit,
        "total": found.total,
        "pages": -(-found.total // wanted.limit),
        "exact": found.exact,
    }
    return answer(request, data, pagination=pagination)
