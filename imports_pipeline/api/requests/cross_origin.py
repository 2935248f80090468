"""Uploads from web pages of other origins, such as the pages of this project, to the signed URLs of the local store.

A signed URL is itself the permission to send one file, and no cookie is looked at, so every origin may use one. S3
answers for its own URLs, as the bucket's CORS configuration says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response

Message = MutableMapping[str, Any]

_UPLOADS: Final = "/v1/files/"
_ALLOWED: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "PUT",
    "Access-Control-Allow-Headers": "content-type",
    # The browser asks again after an hour.
    "Access-Control-Max-Age": "3600",
}


class CrossOriginUploads:
    """ASGI middleware that lets a browser send a file to a signed URL from a page of another origin."""

    def __init__(self, app: Any) -> None:
        """Wrap ``app``."""
        self._app = app

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Pass a request on, and add the headers that let a page of another origin upload."""
        if scope["type"] != "http" or not scope["path"].startswith(_UPLOADS):
            await self._app(scope, receive, send)
            return
        headers = Request(scope).headers
        if scope["method"] == "OPTIONS" and headers.get("access-control-request-method") == "PUT":
            await Response(status_code=204, headers=_ALLOWED)(scope, receive, send)
            return

        async def allowed(message: Message) -> None:
            if message["type"] == "http.response.start" and scope["method"] == "PUT":
                message["headers"] = [*message["headers"], (b"access-control-allow-origin", b"*")]
            await send(message)

        await self._app(scope, receive, allowed)
