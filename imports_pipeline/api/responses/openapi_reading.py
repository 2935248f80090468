"""The OpenAPI descriptions of the routes that read keys, resources, and what an import has found in its file."""

from __future__ import annotations

from typing import Final

from imports_pipeline.api.responses.catalog_models import KeyAnswer, ResourcesAnswer
from imports_pipeline.api.responses.content_models import (
    ErrorsAnswer,
    FirstRowsAnswer,
    PlanAnswer,
    ProgressAnswer,
)
from imports_pipeline.api.responses.openapi_parts import route

GET_KEY: Final = route(200, KeyAnswer)
RESOURCES: Final = route(200, ResourcesAnswer)
PLAN: Final = route(200, PlanAnswer)
ERRORS: Final = route(200, ErrorsAnswer)
ROWS: Final = route(200, FirstRowsAnswer)
PROGRESS: Final = route(200, ProgressAnswer)
