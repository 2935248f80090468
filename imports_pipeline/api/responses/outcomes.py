"""The answer to a request that made an import, a batch or a revert: it says how that ended.

A caller who looks at the HTTP status alone, at ``status`` or at ``code`` learns the same: nothing that failed is
answered as a success. Requests that only look at an import are answered 200 whatever became of it.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request
from fastapi.responses import JSONResponse

from imports_pipeline.api.responses.envelope import Refusal, answer
from imports_pipeline.model.imports import Import
from imports_pipeline.model.statuses import Status

#: The HTTP status of an import that failed (RFC 9110, 15.5.21). Also of one that timed out: clients and proxies
#: repeat a request that was answered 504 by themselves, and that would begin the import anew.
FAILED: Final = 422
# Failures that have an HTTP status of their own.
_STATUS_OF_CODE: Final = {"sync_limit_exceeded": 413}


def outcome(request: Request, import_: Import, shown: dict[str, Any]) -> JSONResponse:
    """Return the answer with ``shown``, the object of an import or batch that was made for this request.

    Raises:
        Refusal: it has ended without success: 422, or 413 for what is over a limit of mode ``sync``.
    """
    if not import_.has_ended:
        return answer(request, shown, status=202, message=import_.reason or "")
    if import_.status is Status.COMPLETED:
        return answer(request, shown, status=201, message=import_.reason or _rejected(import_))
    code = import_.code or "fault"
    message = import_.reason or f"It ended as {import_.status.value}."
    raise Refusal(_STATUS_OF_CODE.get(code, FAILED), code, message, data=shown)


def _rejected(import_: Import) -> str:
    """Return a sentence about the rows that were rejected; empty if there were none."""
    count = import_.stats.get("rejected", 0)
    if not count:
        return ""
    what = "1 row was" if count == 1 else f"{count:,} rows were"
    return f"{what} rejected; the errors file says why (include_errors_csv=true)."
