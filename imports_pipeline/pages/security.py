"""Response headers: the Content-Security-Policy of every page, and what else a browser is to enforce.

Vue compiles the templates of NiceGUI in the browser, so ``script-src`` needs ``unsafe-eval``, and Quasar sets styles of
elements, so ``style-src`` needs ``unsafe-inline``. Everything else comes from this process only; a
large file may go to the store of files.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from fastapi import Request, Response

from imports_pipeline.pages.runtime import runtime

#: The values of ``Sec-Fetch-Site`` of requests that no other site has caused. Old browsers do not send the header.
_OWN: Final = ("same-origin", "none", None)


def policy(nonce: str, upload_origins: Sequence[str]) -> str:
    """Return the Content-Security-Policy for a page whose scripts have this nonce."""
    connect = " ".join(("'self'", *upload_origins))
    return (
        f"default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline';"
        f" img-src 'self' data:; font-src 'self'; connect-src {connect}; object-src 'none'; base-uri 'none';"
        " frame-ancestors 'none'; form-action 'self'"
    )


async def add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Refuse writes that another site has caused, and add the headers to the response."""
    if request.method not in ("GET", "HEAD") and request.headers.get("Sec-Fetch-Site") not in _OWN:
        return Response("This request comes from another site.", 403, media_type="text/plain")
    response = await call_next(request)
    nonce = secrets.token_urlsafe(16)
    if response.headers.get("x-nicegui-content") == "page":
        # NiceGUI escapes `<` in the data of elements, so no text of a user is a script tag.
        chunks = [chunk async for chunk in response.body_iterator]  # type: ignore[attr-defined]
        body = b"".join(chunks).replace(b"<script", f'<script nonce="{nonce}"'.encode())
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        response = Response(body, response.status_code, headers)
    response.headers["Content-Security-Policy"] = policy(nonce, runtime().settings.upload_origins)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    if not request.url.path.startswith(("/_nicegui/", "/static/")):
        response.headers["Cache-Control"] = "no-store"
    return response
