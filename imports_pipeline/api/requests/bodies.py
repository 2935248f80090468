"""Bodies of requests: limited before and while they are read, and parsed into plain values without surprises."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from fastapi import Request
from fastapi.responses import JSONResponse

from imports_pipeline.api.responses.envelope import Refusal, refuse
from imports_pipeline.reading.json_items import object_of_pairs

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

#: Objects and arrays within each other. The deepest honest request is data → item → field → list.
_DEEPEST: Final = 16
#: Uploads bring a limit of their own in their URL (``files``).
_UPLOADS: Final = "/v1/files/"


class Limit:
    """ASGI middleware: refuses a body over ``limit`` bytes, by its header before it is read, else while it is."""

    def __init__(self, app: Any, limit: int) -> None:
        """Stand before ``app``."""
        self._app = app
        self._limit = limit

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Pass a request on, counting what is read of its body."""
        if scope["type"] != "http" or scope["path"].startswith(_UPLOADS):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        length = request.headers.get("content-length", "0")
        if not (length.isascii() and length.isdecimal()):
            refusal = Refusal(400, "invalid_request", "The header Content-Length is no number of bytes.")
            await refuse(request, refusal)(scope, receive, send)
            return
        if int(length[:20]) > self._limit:
            answer: JSONResponse = refuse(request, self.refusal())
            await answer(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limit:
                raise self.refusal()
            return message

        await self._app(scope, counted, send)

    def refusal(self) -> Refusal:
        """Return what is too large, and what to do."""
        return Refusal(
            413,
            "body_too_large",
            f"The body is over {self._limit:,} bytes; request the import without data, and put the file to its"
            " _upload_url.",
            headers={"Connection": "close"},
        )


def object_of(body: bytes) -> dict[str, Any]:
    """Read a body as a JSON object. Raises ``Refusal``."""
    value = parsed(body)
    if not isinstance(value, dict):
        raise Refusal(400, "invalid_request", "The body is no JSON object.")
    return value


def parsed(text: bytes) -> Any:
    """Parse JSON text (RFC 8259) in UTF-8. Raises ``Refusal``."""
    try:
        value = json.loads(text.decode(), parse_constant=_no_constant, object_pairs_hook=object_of_pairs)
    except UnicodeDecodeError as error:
        raise Refusal(
            400, "invalid_request", f"The body is not UTF-8 (byte {error.start:,}); send JSON in UTF-8."
        ) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise Refusal(
            400, "invalid_request", f"The body cannot be read as JSON: {str(error)[:200]}."
        ) from None
    _check(value, b"\\u" in text)
    return value


def _check(value: Any, escaped: bool, depth: int = 0) -> None:
    """Refuse what nests too deep; and, where there are escapes, text that cannot be written as UTF-8."""
    if depth > _DEEPEST:
        raise _too_deep()
    if isinstance(value, dict):
        if escaped:
            for key in value:
                check_text(key)
        for one in value.values():
            if escaped or isinstance(one, (dict, list)):
                _check(one, escaped, depth + 1)
    elif isinstance(value, list):
        for one in value:
            if escaped or isinstance(one, (dict, list)):
                _check(one, escaped, depth + 1)
    elif isinstance(value, str):
        check_text(value)


def check_text(text: str) -> None:
    """Refuse half a character (a lone surrogate), which no encoding can write. Raises ``Refusal``."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refusal(400, "invalid_request", "A text holds half a character (a lone surrogate).") from None


def _too_deep() -> Refusal:
    return Refusal(400, "invalid_request", f"The body nests deeper than {_DEEPEST} levels.")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
