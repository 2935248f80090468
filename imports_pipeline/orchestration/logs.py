"""The log of a run on standard error: one line a message, at the level ``IMPORTS_LOG_LEVEL`` says."""

from __future__ import annotations

import logging
import os
import sys

import dagster as dg

LEVEL_VARIABLE = "IMPORTS_LOG_LEVEL"


@dg.logger(description="Run messages on standard error, from the level in IMPORTS_LOG_LEVEL (default INFO).")
def console(_: dg.InitLoggerContext) -> logging.Logger:
    """Make the logger of one run."""
    logger = logging.Logger("imports", level=os.environ.get(LEVEL_VARIABLE, "INFO"))
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    return logger
