"""The state that all requests of one running API share."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from fastapi import Request

from imports_pipeline.api.metrics import Metrics
from imports_pipeline.api.throttle import AtOnce, FailedAttempts, RateLimit
from imports_pipeline.api.workers import WorkerPool
from imports_pipeline.database.row_security import Access
from imports_pipeline.filestore.stores import Store
from imports_pipeline.settings import Settings


@dataclass(frozen=True)
class AppState:
    """Settings, the database with row security, the file store, worker processes, rate limits and metrics.

    ``corrections`` bounds the corrected files that are written at the same time.
    ``closing`` is set when the server is asked to stop; requests that only wait end then.
    """

    settings: Settings
    access: Access
    store: Store
    workers: WorkerPool
    rate_limit: RateLimit
    failed_attempts: FailedAttempts
    corrections: AtOnce
    metrics: Metrics
    closing: threading.Event


def state_of(request: Request) -> AppState:
    """Return the state of the API that received the request."""
    state: AppState = request.app.state.imports
    return state
