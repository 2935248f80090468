"""The common shape of all responses, and the exception that becomes an error response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import Request
from fastapi.responses import JSONResponse

#: The meaning of each error code of the API. A test compares this with the table in ``docs/reference/errors.md``.
API_CODES: Final[dict[str, str]] = {
    "invalid_request": "The body, a parameter or a header of the request is invalid.",
    "invalid_option": "An option is unknown or has an invalid value.",
    "invalid_data": "`data` is neither an array of objects nor a valid data URL.",
    "unsupported_media_type": "The body is neither JSON nor a multipart form.",
    "body_too_large": "The body is over the limit.",
    "unauthorized": "The API key is missing, wrong, revoked or expired.",
    "forbidden": "The API key lacks the scope that the request needs.",
    "not_found": "The key's organization has no such object, or the path does not exist.",
    "method_not_allowed": "The path does not support this method.",
    "already_ended": "The import or batch to cancel has already ended.",
    "nothing_to_revert": "The import wrote nothing that could be undone.",
    "nothing_to_approve": "The import was not refused for its removals, is approved already, or has no file any more.",
    "nothing_to_reject": "The import does not wait for an approval, or is approved already.",
    "already_rejected": "Somebody has decided that the import is not to be approved.",
    "four_eyes": "Who has made an import cannot approve it (`IMPORTS_FOUR_EYES`).",
    "nothing_to_correct": "The import has no stored file, or one that is no table.",
    "invalid_correction": "A line or a column is not in the file, or a cell cannot be written there.",
    "nothing_to_commit": "The import is no completed dry run, or has no file or no checksum of its plan.",
    "no_plan": "The import keeps no plan, because it made none or its files are gone.",
    "no_rows": "The import has no file yet, keeps it no more, or the file is no table.",
    "name_taken": "A location with this name exists already.",
    "idempotency_key_reused": "The idempotency key was used with another request.",
    "sync_limit_exceeded": "The file has more rows or bytes than mode `sync` allows.",
    "invalid_upload_url": "The signed URL was changed, or it is for another method.",
    "upload_url_expired": "The signed URL has expired.",
    "already_uploaded": "The import already has its file, or has ended.",
    "rate_limited": "The key made too many requests; `Retry-After` says when to send the next one.",
    "too_many_failures": "Too many requests with a wrong key came from this address, and this key is wrong too.",
    "too_many_corrections": "Too many files are being corrected at the moment; `Retry-After` says when to try again.",
    "busy": "Too many callers are waiting for their imports.",
    "unavailable": "The database or the file store does not respond.",
    "fault": "The server failed; its log has the details.",
}

_CODE_OF_STATUS: Final = {
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}


class Refusal(Exception):
    """An error response: an HTTP status, a stable code, and a sentence that says what to do."""

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
        """Store the parts of the response; ``code`` is a key of ``API_CODES`` or of ``IMPORT_CODES``."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.errors = list(errors)
        self.data = data
        self.headers = dict(headers or {})


def not_found(what: str) -> Refusal:
    """Return the refusal for an object that does not exist or belongs to another organization."""
    return Refusal(404, "not_found", f"There is no such {what}.")


def pagination_of(page: int, limit: int, total: int, *, exact: bool = True) -> dict[str, Any]:
    """Return the ``pagination`` of a list of ``total`` objects; ``exact`` is False if there are more."""
    return {"page": page, "limit": limit, "total": total, "pages": -(-total // limit), "exact": exact}


def success_response(
    request: Request,
    data: Any,
    *,
    status: int = 200,
    message: str = "",
    pagination: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return a successful response in the envelope."""
    return _envelope(request, status, "success", message, data, [], "ok", pagination, headers)


def error_response(request: Request, refusal: Refusal) -> JSONResponse:
    """Return the response of a refusal in the envelope."""
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
    """Return the refusal for an HTTP error that the framework raised."""
    return Refusal(status, _CODE_OF_STATUS.get(status, "invalid_request"), detail)


def _envelope(
    request: Request,
    http_status: int,
    status: str,
    message: str,
    data: Any,
    errors: Sequence[Mapping[str, Any]],
    code: str,
    pagination: Mapping[str, Any] | None,
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
    """Return the path. The token of a signed URL is a secret, so its pattern is returned in its place."""
    path = request.url.path
    return "/v1/files/{token}" if path.startswith("/v1/files/") else path
