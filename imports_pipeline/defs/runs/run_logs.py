"""Writes the log of a run to standard error, as lines of text or as one JSON object on each line.

``IMPORTS_LOG_LEVEL`` is the lowest level that is logged. With ``IMPORTS_LOG_FORMAT=json`` each line is a JSON object
with ``time`` (RFC 3339, UTC), ``level``, ``message``, ``run_id``, ``job`` and ``op``, and for messages about an import
``import_id``, ``organization_id``, ``resource`` and ``phase``.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final

import dagster as dg

from imports_pipeline.model.imports import Import

LEVEL_VARIABLE: Final = "IMPORTS_LOG_LEVEL"
FORMAT_VARIABLE: Final = "IMPORTS_LOG_FORMAT"

_about: ContextVar[dict[str, str]] = ContextVar("about", default={})  # noqa: B039 - it is never changed


def set_context(import_: Import, phase: str) -> None:
    """Set the import and the phase of all log records that follow."""
    _about.set(
        {
            "import_id": import_.id,
            "organization_id": import_.organization_id,
            "resource": import_.resource,
            "phase": phase,
        }
    )


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        meta: dict[str, Any] = getattr(record, "dagster_meta", None) or {}
        shown = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "message": meta.get("orig_message") or record.getMessage(),
            "run_id": meta.get("run_id"),
            "job": meta.get("job_name"),
            "op": meta.get("op_name"),
            **_about.get(),
        }
        if record.exc_info:
            shown["exception"] = self.formatException(record.exc_info)
        return json.dumps({key: value for key, value in shown.items() if value is not None})


def _console(_: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("imports", level=os.environ.get(LEVEL_VARIABLE, "INFO"))
    handler = logging.StreamHandler(sys.stderr)
    if os.environ.get(FORMAT_VARIABLE) == "json":
        handler.setFormatter(_Json())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    return logger


#: The logger of every run.
console: Final = dg.LoggerDefinition(
    _console,
    description="Writes run messages of at least the level IMPORTS_LOG_LEVEL (default INFO) to standard error, as text"
    " or, with IMPORTS_LOG_FORMAT=json, as JSON.",
)
