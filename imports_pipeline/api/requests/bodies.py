"""Request bodies: the size limit, and strict parsing of JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from fastapi import Request
from fastapi.responses import JSONResponse

from imports_pipeline.api.responses.envelope import Refusal, error_response
from imports_pipeline.reading.json_items import object_of_pairs

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# The largest depth of nested objects and arrays. The deepest valid request is data → item → field → list.
_MAX_DEPTH: Final = 16
# The URL of an upload holds a limit of its own (``routes/files.py``).
_UPLOADS: Final = "/v1/files/"


class BodyLimit:
    """ASGI middleware that refuses a body over ``limit`` bytes.

    It checks the header Content-Length before it reads the body, and counts the bytes while it reads.
    """

    def __init__(self, app: Any, limit: int) -> None:
        """Wrap ``app``."""
        self._app = app
        self._limit = limit

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Pass a request on and count the bytes of its body."""
        if scope["type"] != "http" or scope["path"].startswith(_UPLOADS):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        length = request.headers.get("content-length", "0")
        if not (length.isascii() and length.isdecimal()):
            refusal = Refusal(400, "invalid_request", "The header Content-Length is not a number of bytes.")
            await error_response(request, refusal)(scope, receive, send)
            return
        if int(length[:20]) > self._limit:
            response: JSONResponse = error_response(request, self.refusal())
            await response(scope, receive, send)
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
        """Return the refusal of a body that is too large."""
        return Refusal(
            413,
            "body_too_large",
            f"The body is over {self._limit:,} bytes; create the import without data and send the file to its"
            " _upload_url.",
            headers={"Connection": "close"},
        )


def json_object(body: bytes) -> dict[str, Any]:
    """Return a body that is a JSON object. Raises ``Refusal`` for everything else."""
    value = parse_json(body)
    if not isinstance(value, dict):
        raise Refusal(400, "invalid_request", "The body is not a JSON object.")
    return value


def parse_json(text: bytes) -> Any:
    """Parse JSON text (RFC 8259) in UTF-8.

    Raises:
        Refusal: the text is not UTF-8 or not JSON, nests too deeply, or holds a lone surrogate.
    """
    try:
        value = json.loads(text.decode(), parse_constant=_no_constant, object_pairs_hook=object_of_pairs)
    except UnicodeDecodeError as error:
        raise Refusal(
            400, "invalid_request", f"The body is not UTF-8 (byte {error.start:,}); send JSON in UTF-8."
        ) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise Refusal(400, "invalid_request", f"The body is not valid JSON: {str(error)[:200]}.") from None
    _check(value, b"\\u" in text)
    return value


def _check(value: Any, escaped: bool, depth: int = 0) -> None:
    r"""Check the depth of a value, and if it was written with escapes, that its texts can be encoded.

    Without ``\u`` escapes the texts come from decoded UTF-8, so they need no check.
    """
    if depth > _MAX_DEPTH:
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
    """Raise ``Refusal`` for a text with a lone surrogate, which no encoding can write."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refusal(400, "invalid_request", "A text holds half a character (a lone surrogate).") from None


def _too_deep() -> Refusal:
    return Refusal(400, "invalid_request", f"The body is nested deeper than {_MAX_DEPTH} levels.")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
