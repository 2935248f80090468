"""Authentication: the API key in ``X-API-KEY`` (or ``PX-API-KEY``), its organization and its scopes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

import anyio
from fastapi import Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.security import APIKeyHeader

from imports_pipeline.api import scopes
from imports_pipeline.api.app_state import AppState, state_of
from imports_pipeline.api.responses.envelope import Refusal
from imports_pipeline.registry import api_keys
from imports_pipeline.registry.api_keys import ApiKey

HEADERS: Final = ("X-API-KEY", "PX-API-KEY")
# This declaration is for the OpenAPI document. `require_scope` itself reads both headers and refuses.
_OPENAPI_KEY: Final = APIKeyHeader(name=HEADERS[0], auto_error=False)


def require_scope(scope: str | None = None, *, bearer: bool = False) -> Callable[..., Awaitable[ApiKey]]:
    """Return a FastAPI dependency that requires a key with this scope and returns the key.

    Args:
        scope: The scope; None if any valid key will do.
        bearer: Whether the key may also be sent as ``Authorization: Bearer``, the only way that Prometheus has.
    """

    async def caller(request: Request, _: Annotated[str | None, Security(_OPENAPI_KEY)]) -> ApiKey:
        state = state_of(request)
        key = await _known(request, state, bearer=bearer)
        wait = state.rate_limit.wait(key.id)
        if wait:
            raise Refusal(
                429,
                "rate_limited",
                f"The key made more than {state.settings.api_rate} requests a minute; send the next one in {wait} s.",
                headers={"Retry-After": str(wait)},
            )
        if scope is not None and not key.allows(scope):
            raise scopes.missing_scope(scope)
        return key

    return caller


async def _known(request: Request, state: AppState, *, bearer: bool) -> ApiKey:
    text = next((request.headers[name] for name in HEADERS if name in request.headers), None)
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if text is None and bearer and kind.lower() == "bearer":
        text = token.strip()
    if text is None:
        raise _unauthorized(f"Send an API key in the header {HEADERS[0]}.")
    key = await run_in_threadpool(_find, state, text)
    if key is not None:
        # A valid key is never delayed by wrong keys from the same address: many callers may share a proxy.
        return key
    address = request.client.host if request.client else ""
    blocked = state.failed_attempts.blocked(address)
    if blocked:
        raise Refusal(
            429,
            "too_many_failures",
            f"Too many wrong keys came from this address; try again in {blocked} s.",
            headers={"Retry-After": str(blocked)},
        )
    delay = state.failed_attempts.delay(address)
    state.failed_attempts.note(address)
    await anyio.sleep(delay)
    raise _unauthorized("The API key is wrong, revoked or expired; request a new one.")


def _find(state: AppState, text: str) -> ApiKey | None:
    with state.access.trusted() as connection:
        return api_keys.find(connection, text)


def _unauthorized(message: str) -> Refusal:
    return Refusal(401, "unauthorized", message, headers={"WWW-Authenticate": "ApiKey"})
