"""The log of a run on standard error: one line a message, at the level ``IMPORTS_LOG_LEVEL`` says."""

from __future__ import annotations

import logging
import os
import sys
from typing import Final

import dagster as dg

LEVEL_VARIABLE: Final = "IMPORTS_LOG_LEVEL"


def _console(_: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("imports", level=os.environ.get(LEVEL_VARIABLE, "INFO"))
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    return logger


#: The logger of every run.
console: Final = dg.LoggerDefinition(
    _console,
    description="Run messages on standard error, from the level in IMPORTS_LOG_LEVEL (default INFO).",
)
