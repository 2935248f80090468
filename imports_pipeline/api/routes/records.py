"""The routes of stored records: read contacts and groups, read and add locations."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from imports_pipeline.api.app_state import state_of
from imports_pipeline.api.authentication import require_scope
from imports_pipeline.api.requests import bodies
from imports_pipeline.api.requests.parameters import ORDER_BY, Direction, Paging, text_filter
from imports_pipeline.api.responses import list_pages, openapi
from imports_pipeline.api.responses.envelope import Refusal, not_found, success_response
from imports_pipeline.model import ids
from imports_pipeline.registry import locations
from imports_pipeline.registry.api_keys import ApiKey
from imports_pipeline.registry.lists import one

router = APIRouter(prefix="/v1", tags=["records"])

_PREFIXES = {"contact": ids.CONTACT, "group": ids.GROUP, "location": ids.LOCATION}
_ContactReader = Annotated[ApiKey, Depends(require_scope("contacts:read"))]
_GroupReader = Annotated[ApiKey, Depends(require_scope("groups:read"))]
_LocationReader = Annotated[ApiKey, Depends(require_scope("locations:read"))]
_RecordId = Annotated[str, Path(description="The TypeID of the record.")]


@router.get("/contacts", **openapi.LIST)
async def list_contacts(
    request: Request,
    key: _ContactReader,
    paging: Annotated[Paging, Depends()],
    order_by: Annotated[Literal["id", "created_at", "updated_at", "name", "email"], ORDER_BY] = "id",
    direction: Direction = "asc",
    email: Annotated[str | None, text_filter("Only contacts with this email, in any case.")] = None,
    phone: Annotated[str | None, text_filter("Only contacts with this phone (E.164).")] = None,
    name: Annotated[str | None, text_filter("Only contacts with this name.")] = None,
    external_id: Annotated[str | None, text_filter("Only the contact with this external_id.")] = None,
    location_id: Annotated[str | None, text_filter("Only contacts in this location.")] = None,
    group_id: Annotated[str | None, text_filter("Only contacts in this group.")] = None,
) -> JSONResponse:
    """List contacts."""
    filters = {
        "email": email,
        "phone": phone,
        "name": name,
        "external_id": external_id,
        "location_id": location_id,
        "group_id": group_id,
    }
    return await list_pages.records(request, key, "contact", paging.of(order_by, direction, filters))


@router.get("/groups", **openapi.LIST)
async def list_groups(
    request: Request,
    key: _GroupReader,
    paging: Annotated[Paging, Depends()],
    order_by: Annotated[Literal["id", "created_at", "updated_at", "name"], ORDER_BY] = "id",
    direction: Direction = "asc",
    name: Annotated[str | None, text_filter("Only groups with this name.")] = None,
    resource: Annotated[
        Literal["contact", "location"] | None, Query(description="Only groups of contacts, or of locations.")
    ] = None,
    external_id: Annotated[str | None, text_filter("Only the group with this external_id.")] = None,
    location_id: Annotated[str | None, text_filter("Only groups of this location.")] = None,
) -> JSONResponse:
    """List groups."""
    filters = {"name": name, "resource": resource, "external_id": external_id, "location_id": location_id}
    return await list_pages.records(request, key, "group", paging.of(order_by, direction, filters))


@router.get("/locations", **openapi.LIST)
async def list_locations(
    request: Request,
    key: _LocationReader,
    paging: Annotated[Paging, Depends()],
    order_by: Annotated[Literal["id", "created_at", "updated_at", "name"], ORDER_BY] = "name",
    direction: Direction = "asc",
    name: Annotated[str | None, text_filter("Only the location with this name.")] = None,
) -> JSONResponse:
    """List locations."""
    return await list_pages.records(request, key, "location", paging.of(order_by, direction, {"name": name}))


@router.get("/contacts/{contact_id}", **openapi.GET_RECORD)
async def get_contact(request: Request, key: _ContactReader, contact_id: _RecordId) -> JSONResponse:
    """Return one contact with its groups and locations."""
    return await _one(request, key, "contact", contact_id)


@router.get("/groups/{group_id}", **openapi.GET_RECORD)
async def get_group(request: Request, key: _GroupReader, group_id: _RecordId) -> JSONResponse:
    """Return one group with its first 1,000 members."""
    return await _one(request, key, "group", group_id)


@router.get("/locations/{location_id}", **openapi.GET_RECORD)
async def get_location(request: Request, key: _LocationReader, location_id: _RecordId) -> JSONResponse:
    """Return one location."""
    return await _one(request, key, "location", location_id)


@router.post("/locations", **openapi.CREATE_LOCATION)
async def create_location(
    request: Request, key: Annotated[ApiKey, Depends(require_scope("locations:write"))]
) -> JSONResponse:
    """Add a location."""
    given = bodies.json_object(await request.body())
    name = given.pop("name", None)
    if given or not isinstance(name, str) or "\0" in name:
        raise Refusal(400, "invalid_request", "The body has one field, `name`, which is a text.")
    state = state_of(request)

    def add() -> dict[str, Any] | None:
        with state.access.of(key.organization_id) as connection:
            added = locations.add(connection, key.organization_id, name)
            return one(connection, "location", key.organization_id, added["id"])

    try:
        return success_response(request, await run_in_threadpool(add), status=201)
    except locations.LocationExists as error:
        raise Refusal(409, "name_taken", str(error)) from None
    except locations.InvalidLocation as error:
        raise Refusal(400, "invalid_request", str(error)) from None


async def _one(request: Request, key: ApiKey, kind: str, record_id: str) -> JSONResponse:
    state = state_of(request)
    if not ids.is_id(_PREFIXES[kind], record_id):
        raise not_found(kind)

    def find() -> dict[str, Any] | None:
        with state.access.of(key.organization_id) as connection:
            return one(connection, kind, key.organization_id, record_id)

    found = await run_in_threadpool(find)
    if found is None:
        raise not_found(kind)
    return success_response(request, found)
