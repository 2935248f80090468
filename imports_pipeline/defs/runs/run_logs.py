"""The log of a run on standard error, as lines for people or, for machines, as one JSON object a line.

``IMPORTS_LOG_LEVEL`` says from which level on, ``IMPORTS_LOG_FORMAT=json`` makes it JSON: ``time`` (RFC 3339, UTC),
``level``, ``message``, ``run_id``, ``job``, ``op``, and of what belongs to an import ``import_id``,
``organization_id``, ``resource`` and ``phase``.
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
    """Say which import and phase the records from here on speak of, until an op speaks of another."""
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
    description="Run messages on standard error, from the level in IMPORTS_LOG_LEVEL (default INFO), as lines or,"
    " with IMPORTS_LOG_FORMAT=json, as JSON.",
)
