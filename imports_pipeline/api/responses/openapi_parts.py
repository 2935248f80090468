"""The parts of which descriptions of routes are made: responses, and small JSON bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from imports_pipeline.api.responses import outcomes
from imports_pipeline.api.responses.response_models import ErrorAnswer

_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "model": ErrorAnswer,
        "description": "The request was refused. `code` names the reason, `message` says what to do.",
    }
}


def route(status: int, model: type[BaseModel] | None = None, **more: Any) -> dict[str, Any]:
    """Return the keyword arguments of a route's decorator."""
    responses = {**_ERRORS, **more.pop("responses", {})}
    if model is not None:
        responses[status] = {"model": model}
    return {"status_code": status, "response_model": None, "responses": responses, **more}


def other_outcomes(
    created: type[BaseModel], failed: type[BaseModel], description: str
) -> dict[int | str, dict[str, Any]]:
    """Return the responses, other than 201, of a route that creates an import or a batch.

    Args:
        created: The model of the 202 response.
        failed: The model of the 422 response.
        description: The description of the 202 response.
    """
    return {
        202: {"model": created, "description": description},
        outcomes.FAILED: {
            "model": failed,
            "description": "The import was created and has failed or timed out; `code` and `message` say why.",
        },
    }


def body(
    properties: Mapping[str, Any], *, required: Sequence[str] = (), needed: bool = False, **more: Any
) -> dict[str, Any]:
    """Return the description of a small JSON body; it may be left out if it is not needed and has only options."""
    schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    if required:
        schema["required"] = list(required)
    return {
        "requestBody": {
            "required": bool(required) or needed,
            "content": {"application/json": {"schema": schema, **more}},
        }
    }
