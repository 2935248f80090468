"""The routes of stored records: contacts and groups to read, locations to read and to add."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from imports_pipeline.api.app_state import state_of
from imports_pipeline.api.authentication import needs
from imports_pipeline.api.requests import bodies
from imports_pipeline.api.requests.parameters import Direction, Paging, Text
from imports_pipeline.api.responses import list_pages, openapi
from imports_pipeline.api.responses.envelope import Refusal, answer, not_found
from imports_pipeline.model import ids
from imports_pipeline.registry import locations
from imports_pipeline.registry.api_keys import ApiKey
from imports_pipeline.registry.lists import one

router = APIRouter(prefix="/v1", tags=["records"])

_PREFIXES = {"contact": ids.CONTACT, "group": ids.GROUP, "location": ids.LOCATION}
_ContactReader = Annotated[ApiKey, Depends(needs("contacts:read"))]
_GroupReader = Annotated[ApiKey, Depends(needs("groups:read"))]
_LocationReader = Annotated[ApiKey, Depends(needs("locations:read"))]


@router.get("/contacts", **openapi.LIST)
async def list_contacts(
    request: Request,
    key: _ContactReader,
    paging: Annotated[Paging, Depends()],
    order_by: Literal["id", "created_at", "updated_at", "name", "email"] = "id",
    direction: Direction = "asc",
    email: Text = None,
    phone: Text = None,
    name: Text = None,
    external_id: Text = None,
    location_id: Text = None,
    group_id: Text = None,
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
    order_by: Literal["id", "created_at", "updated_at", "name"] = "id",
    direction: Direction = "asc",
    name: Text = None,
    resource: Literal["contact", "location"] | None = None,
    external_id: Text = None,
    location_id: Text = None,
) -> JSONResponse:
    """List groups."""
    filters = {"name": name, "resource": resource, "external_id": external_id, "location_id": location_id}
    return await list_pages.records(request, key, "group", paging.of(order_by, direction, filters))


@router.get("/locations", **openapi.LIST)
async def list_locations(
    request: Request,
    key: _LocationReader,
    paging: Annotated[Paging, Depends()],
    order_by: Literal["id", "created_at", "updated_at", "name"] = "name",
    direction: Direction = "asc",
    name: Text = None,
) -> JSONResponse:
    """List locations."""
    return await list_pages.records(request, key, "location", paging.of(order_by, direction, {"name": name}))


@router.get("/contacts/{contact_id}", **openapi.GET_RECORD)
async def get_contact(request: Request, key: _ContactReader, contact_id: str) -> JSONResponse:
    """Return one contact, with its groups and locations."""
    return await _one(request, key, "contact", contact_id)


@router.get("/groups/{group_id}", **openapi.GET_RECORD)
async def get_group(request: Request, key: _GroupReader, group_id: str) -> JSONResponse:
    """Return one group, with its first 1,000 members."""
    return await _one(request, key, "group", group_id)


@router.get("/locations/{location_id}", **openapi.GET_RECORD)
async def get_location(request: Request, key: _LocationReader, location_id: str) -> JSONResponse:
    """Return one location."""
    return await _one(request, key, "location", location_id)


@router.post("/locations", **openapi.CREATE_LOCATION)
async def create_location(
    request: Request, key: Annotated[ApiKey, Depends(needs("locations:write"))]
) -> JSONResponse:
    """Add a location."""
    given = bodies.object_of(await request.body())
    name = given.pop("name", None)
    if given or not isinstance(name, str) or "\0" in name:
        raise Refusal(400, "invalid_request", "The body takes `name`, a text, and nothing else.")
    state = state_of(request)

    def add() -> dict[str, Any] | None:
        with state.access.of(key.organization_id) as connection:
            added = locations.add(connection, key.organization_id, name)
            return one(connection, "location", key.organization_id, added["id"])

    try:
        return answer(request, await run_in_threadpool(add), status=201)
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
    return answer(request, found)
