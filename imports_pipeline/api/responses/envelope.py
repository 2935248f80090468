"""The one shape of all answers, and the refusals that become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import Request
from fastapi.responses import JSONResponse

#: Code → what is wrong, for an answer that is not a success. ``docs/reference/errors.md`` has the same table.
API_CODES: Final[dict[str, str]] = {
    "invalid_request": "The request cannot be read as it is: its body, its parameters or its headers.",
    "invalid_option": "An option is unknown or has a value it cannot have.",
    "invalid_data": "`data` is neither an array of objects nor a data URL that can be read.",
    "unsupported_media_type": "The body is neither JSON nor a multipart form.",
    "body_too_large": "The body is over the limit.",
    "unauthorized": "The API key is missing, wrong, revoked or expired.",
    "forbidden": "The API key lacks the scope that this needs.",
    "not_found": "There is no such thing in the key's organization, or no such path.",
    "method_not_allowed": "The path takes other methods.",
    "already_ended": "What was to be canceled has ended.",
    "nothing_to_revert": "The import wrote nothing that could be taken back.",
    "name_taken": "There is a location with this name already.",
    "idempotency_key_reused": "The idempotency key was used with another request.",
    "sync_limit_exceeded": "There are more rows or bytes than mode `sync` takes.",
    "invalid_upload_url": "The signed URL was not given out like this, or is for another method.",
    "upload_url_expired": "The signed URL has expired.",
    "already_uploaded": "The import has its file already, or has ended.",
    "rate_limited": "The key made too many requests; `Retry-After` says when to go on.",
    "too_many_failures": "Too many requests with a wrong key came from this address, and this was another.",
    "busy": "Too many imports are waiting to be run for their callers.",
    "unavailable": "The database or the file store does not answer.",
    "fault": "Something broke on the server; its log has the details.",
}

_CODE_OF_STATUS: Final = {
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}


class Refusal(Exception):
    """An answer that is no success: HTTP status, a stable code, a sentence that says what to do."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        data: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep what the answer says; ``code`` is one of ``API_CODES``, or an import's (``IMPORT_CODES``)."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.errors = list(errors)
        self.data = data
        self.headers = dict(headers or {})


def not_found(what: str) -> Refusal:
    """Refuse what is not there, or is another organization's: the two look the same."""
    return Refusal(404, "not_found", f"There is no such {what}.")


def answer(
    request: Request,
    data: Any,
    *,
    status: int = 200,
    message: str = "",
    pagination: Mapping[str, int] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return a success in the envelope."""
    return _envelope(request, status, "success", message, data, [], "ok", pagination, headers)


def refuse(request: Request, refusal: Refusal) -> JSONResponse:
    """Return a refusal in the envelope."""
    errors = refusal.errors or [{"code": refusal.code, "field": None, "message": refusal.message}]
    return _envelope(
        request,
        refusal.status,
        "error",
        refusal.message,
        refusal.data,
        errors,
        refusal.code,
        None,
        refusal.headers,
    )


def refusal_of_status(status: int, detail: str) -> Refusal:
    """Return the refusal for what the framework itself refuses."""
    return Refusal(status, _CODE_OF_STATUS.get(status, "invalid_request"), detail)


def _envelope(
    request: Request,
    http_status: int,
    status: str,
    message: str,
    data: Any,
    errors: Sequence[Mapping[str, Any]],
    code: str,
    pagination: Mapping[str, int] | None,
    headers: Mapping[str, str] | None,
) -> JSONResponse:
    content = {
        "status": status,
        "message": message,
        "data": data,
        "errors": list(errors),
        "code": code,
        "pagination": None if pagination is None else dict(pagination),
        "endpoint": f"{request.method} {_path(request)}",
    }
    return JSONResponse(content, http_status, dict(headers or {}))


def _path(request: Request) -> str:
    """Return the path; of a signed URL only its pattern, because the token in it is a secret."""
    path = request.url.path
    return "/v1/files/{token}" if path.startswith("/v1/files/") else path
