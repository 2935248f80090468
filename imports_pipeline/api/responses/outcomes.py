"""The response to a request that created an import, a batch or a revert: it says how that ended.

The HTTP status, ``status`` and ``code`` agree: a failed import is never reported as a success. A request that only
reads an import returns 200 even if the import has failed.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request
from fastapi.responses import JSONResponse

from imports_pipeline.api.responses.envelope import Refusal, success_response
from imports_pipeline.model.imports import Import
from imports_pipeline.model.statuses import Status

#: The HTTP status of an import that failed (RFC 9110, 15.5.21) or timed out. Clients and proxies repeat a request
#: by themselves after 504, which would start the import again.
FAILED: Final = 422
# Failures that have an HTTP status of their own.
_STATUS_OF_CODE: Final = {"sync_limit_exceeded": 413, "plan_changed": 409}


def outcome(request: Request, import_: Import, shown: dict[str, Any]) -> JSONResponse:
    """Return the response with ``shown``, the object of an import or batch that the request created.

    Raises:
        Refusal: the import has failed or timed out: 422, or 413 if it is over a limit of mode ``sync``, or 409 if its
            plan is another than the one that was seen.
    """
    if not import_.has_ended:
        return success_response(request, shown, status=202, message=import_.reason or "")
    if import_.status is Status.COMPLETED:
        return success_response(request, shown, status=201, message=import_.reason or _rejected(import_))
    code = import_.code or "fault"
    message = import_.reason or f"The import ended as {import_.status.value}."
    raise Refusal(_STATUS_OF_CODE.get(code, FAILED), code, message, data=shown)


def _rejected(import_: Import) -> str:
    """Return a sentence about rows that were rejected and cells that were left out; empty if there were none."""
    count, warnings = import_.stats.get("rejected", 0), import_.stats.get("warnings", 0)
    said = []
    if count:
        said.append(f"{'1 row was' if count == 1 else f'{count:,} rows were'} rejected")
    if warnings:
        said.append(f"invalid values of {'1 row' if warnings == 1 else f'{warnings:,} rows'} were left out")
    return f"{' and '.join(said)}; the errors file says why (include_errors_csv=true)." if said else ""
