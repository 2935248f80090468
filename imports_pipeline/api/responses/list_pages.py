"""Responses with one page of a list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from imports_pipeline.api.app_state import state_of
from imports_pipeline.api.responses.envelope import Refusal, pagination_of, success_response
from imports_pipeline.database.row_security import Connection
from imports_pipeline.model.imports import Import
from imports_pipeline.registry import import_records, lists
from imports_pipeline.registry.api_keys import ApiKey
from imports_pipeline.registry.lists import Found, ListQuery


async def records(request: Request, key: ApiKey, kind: str, query: ListQuery) -> JSONResponse:
    """Return a page of contacts, groups or locations.

    Raises:
        Refusal: the page or a filter is invalid.
    """
    return await _page(request, key, kind, query, lambda _, found: found.rows)


async def imports(
    request: Request, key: ApiKey, kind: str, query: ListQuery, show: Callable[[Import], dict[str, Any]]
) -> JSONResponse:
    """Return a page of imports or batches, each converted by ``show``.

    Raises:
        Refusal: the page or a filter is invalid.
    """

    def shown(connection: Connection, found: Found) -> list[dict[str, Any]]:
        ids = [row["id"] for row in found.rows]
        return [show(one) for one in import_records.get_imports(connection, key.organization_id, ids)]

    return await _page(request, key, kind, query, shown)


async def _page(
    request: Request,
    key: ApiKey,
    kind: str,
    query: ListQuery,
    shown: Callable[[Connection, Found], list[dict[str, Any]]],
) -> JSONResponse:
    state = state_of(request)

    def look() -> tuple[Found, list[dict[str, Any]]]:
        with state.access.of(key.organization_id) as connection:
            try:
                found = lists.find(connection, kind, key.organization_id, query)
            except ValueError as error:
                raise Refusal(400, "invalid_request", str(error)) from None
            return found, shown(connection, found)

    found, data = await run_in_threadpool(look)
    pagination = pagination_of(query.page, query.limit, found.total, exact=found.exact)
    return success_response(request, data, pagination=pagination)
