"""The client of the HTTP API: one connection pool for all sessions, and a sentence for every error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

#: Seconds to wait for an answer. A request with a file waits until the file is checked.
_TIMEOUT: Final = httpx.Timeout(900.0, connect=5.0)
#: An idle connection is closed after so many seconds, before the API does it. Uvicorn closes it after 5, and a request
#: that is sent at that moment gets no answer.
_LIMITS: Final = httpx.Limits(keepalive_expiry=2.0)
_AWAY: Final = "The import service does not answer. Try again in a moment."
_REPEATABLE: Final = "The import service did not answer. Do it again in a moment; nothing will be done twice."
_UNKNOWN: Final = (
    "The import service did not answer, so it is not known whether this was done. Look at the list of imports before"
    " you try again."
)
_NOT_STORED: Final = "The file could not be stored. Send it again."
#: Statuses of answers that may have an import: its plan has changed, it is over a limit, it has failed.
_WITH_IMPORT: Final = (409, 413, 422)


class ApiError(Exception):
    """A request that failed; the text is a sentence for the person at the page."""

    def __init__(self, sentence: str, code: str = "", status: int = 0, data: Any = None) -> None:
        """Store the sentence, and what the API answered."""
        super().__init__(sentence)
        self.code, self.status, self.data = code, status, data


class KeyRefused(ApiError):
    """The API does not accept the key: it is wrong, revoked or expired."""


@dataclass(frozen=True)
class Answer:
    """A successful answer of the API."""

    data: Any
    message: str
    pagination: Mapping[str, Any]
    body: Mapping[str, Any]


class ApiClient:
    """Sends requests to the API. One object serves all sessions; each request names its key."""

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Open no connection yet."""
        self._http = httpx.AsyncClient(base_url=url, timeout=_TIMEOUT, limits=_LIMITS, transport=transport)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def get(self, key: str, path: str, **parameters: Any) -> Answer:
        """Return the answer to a GET request. Parameters that are None or empty are left out.

        Raises:
            KeyRefused: the key is not accepted.
            ApiError: the API refused the request or does not answer.
        """
        given = {name: value for name, value in parameters.items() if value not in (None, "")}
        return await self._request("GET", key, path, params=given)

    async def post(self, key: str, path: str, **how: Any) -> Answer:
        """Return the answer to a POST request; ``how`` are arguments of ``httpx.AsyncClient.request``.

        An import that was created and has failed is an answer like any other: its page says why.

        Raises:
            KeyRefused: the key is not accepted.
            ApiError: the API refused the request or does not answer.
        """
        return await self._request("POST", key, path, **how)

    async def put_file(self, url: str, content: Any, size: str) -> None:
        """Send a file to a signed URL as it arrives.

        Raises:
            ApiError: the file store refused the file or does not answer.
        """
        headers = {"Content-Length": size, "Content-Type": "application/octet-stream"}
        try:
            answer = await self._http.put(url, content=content, headers=headers)
        except httpx.TransportError as error:
            raise ApiError(_NOT_STORED) from error
        if answer.status_code >= 400:
            # S3 answers in XML; what it says about signatures and buckets is not for the person at the page.
            raise _refusal(answer) if _body(answer).get("code") else ApiError(_NOT_STORED)

    async def _request(self, method: str, key: str, path: str, **how: Any) -> Answer:
        headers = {"X-API-KEY": key, **how.pop("headers", {})}
        try:
            try:
                answer = await self._http.request(method, path, headers=headers, **how)
            except (httpx.NetworkError, httpx.RemoteProtocolError):
                if method != "GET":
                    raise
                # The connection may have been closed since the request before; to read twice does no harm.
                answer = await self._http.request(method, path, headers=headers, **how)
        except httpx.ConnectError as error:
            raise ApiError(_AWAY, "away") from error
        except httpx.TransportError as error:
            unanswered = _REPEATABLE if "Idempotency-Key" in headers else _UNKNOWN
            raise ApiError(_AWAY if method == "GET" else unanswered, "away") from error
        except UnicodeEncodeError as error:
            raise KeyRefused("This is not an API key.", "unauthorized", 401) from error
        if answer.status_code < 400 or (method == "POST" and _has_import(answer)):
            body = answer.json()
            return Answer(body["data"], body["message"], body["pagination"] or {}, body)
        raise _refusal(answer)


def _has_import(answer: httpx.Response) -> bool:
    """Return True for a refusal with an import, whose page says more than the refusal."""
    data = _body(answer).get("data")
    return answer.status_code in _WITH_IMPORT and isinstance(data, dict) and data.get("object") == "import"


def _body(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _refusal(answer: httpx.Response) -> ApiError:
    """Return the error for a refused request."""
    body, status = _body(answer), answer.status_code
    code, message = str(body.get("code") or ""), str(body.get("message") or "")
    if status == 401:
        return KeyRefused("The API key is wrong, revoked or expired.", code, status)
    if code == "four_eyes":
        message = "You have sent this file, so somebody else must approve the removals."
    elif status == 403:
        message = f"Your API key does not allow this. {message}".strip()
    elif status == 429:
        message = (
            f"There were too many requests. Try again in {answer.headers.get('Retry-After', '60')} seconds."
        )
    elif status >= 500 and code != "busy":
        message = (
            "The import service has a problem at the moment. Try again later." if code == "fault" else _AWAY
        )
    return ApiError(
        message or f"The import service answered with an error ({status}).", code, status, body.get("data")
    )
