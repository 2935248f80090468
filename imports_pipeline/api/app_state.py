"""What all requests share: settings, the database behind its second wall, the store, the workers, the counters."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from imports_pipeline.api.throttle import Failures, Rate
from imports_pipeline.api.workers import Work
from imports_pipeline.database.row_security import Access
from imports_pipeline.filestore.stores import Store
from imports_pipeline.settings import Settings


@dataclass(frozen=True)
class State:
    """One running API."""

    settings: Settings
    access: Access
    store: Store
    work: Work
    rate: Rate
    failures: Failures


def state_of(request: Request) -> State:
    """Return the state of the API that this request came to."""
    state: State = request.app.state.imports
    return state
