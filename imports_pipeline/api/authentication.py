"""Who asks: the key in ``X-API-KEY`` (or ``PX-API-KEY``), its organization, and whether its scopes allow this."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

import anyio
from fastapi import Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.security import APIKeyHeader

from imports_pipeline.api import scopes
from imports_pipeline.api.app_state import State, state_of
from imports_pipeline.api.responses.envelope import Refusal
from imports_pipeline.registry import api_keys
from imports_pipeline.registry.api_keys import ApiKey

HEADERS: Final = ("X-API-KEY", "PX-API-KEY")
#: What the OpenAPI document says of a key; looking for it in both headers, and refusing, is done here.
_DESCRIBED: Final = APIKeyHeader(name=HEADERS[0], auto_error=False)


def needs(scope: str) -> Callable[..., Awaitable[ApiKey]]:
    """Return the dependency of a route that needs this scope."""

    async def caller(request: Request, _: Annotated[str | None, Security(_DESCRIBED)]) -> ApiKey:
        state = state_of(request)
        key = await _known(request, state)
        wait = state.rate.wait(key.id)
        if wait:
            raise Refusal(
                429,
                "rate_limited",
                f"The key made more than {state.settings.api_rate} requests a minute; go on in {wait} s.",
                headers={"Retry-After": str(wait)},
            )
        if not key.allows(scope):
            raise scopes.lacks(scope)
        return key

    return caller


async def _known(request: Request, state: State) -> ApiKey:
    text = next((request.headers[name] for name in HEADERS if name in request.headers), None)
    if text is None:
        raise _unauthorized(f"Give an API key in the header {HEADERS[0]}.")
    key = await run_in_threadpool(_find, state, text)
    if key is not None:
        # At once, whatever others have sent from this address: many callers may share a proxy.
        return key
    address = request.client.host if request.client else ""
    blocked = state.failures.blocked(address)
    if blocked:
        raise Refusal(
            429,
            "too_many_failures",
            f"Too many wrong keys came from this address; try again in {blocked} s.",
            headers={"Retry-After": str(blocked)},
        )
    delay = state.failures.delay(address)
    state.failures.note(address)
    await anyio.sleep(delay)
    raise _unauthorized("The API key is wrong, revoked or expired; ask for a new one.")


def _find(state: State, text: str) -> ApiKey | None:
    with state.access.trusted() as connection:
        return api_keys.find(connection, text)


def _unauthorized(message: str) -> Refusal:
    return Refusal(401, "unauthorized", message, headers={"WWW-Authenticate": "ApiKey"})
