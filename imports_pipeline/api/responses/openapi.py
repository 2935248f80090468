"""What the OpenAPI document says of each route: bodies, answers, and examples that work as they are."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import NoneType
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel

from imports_pipeline.api.responses import outcomes
from imports_pipeline.api.responses.response_models import (
    BatchAnswer,
    Envelope,
    ErrorAnswer,
    FailedBatchAnswer,
    FailedImportAnswer,
    ImportAnswer,
    ListAnswer,
    RecordAnswer,
)
from imports_pipeline.model.option_declarations import Group
from imports_pipeline.model.options import Action, declarations
from imports_pipeline.schemas.catalog import RESOURCES

_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    "default": {"model": ErrorAnswer, "description": "A refusal: `code` says which, `message` what to do."}
}


def _route(status: int, model: type[BaseModel] | None = None, **more: Any) -> dict[str, Any]:
    """Return the keywords of a route's decorator."""
    responses = {**_ERRORS, **more.pop("responses", {})}
    if model is not None:
        responses[status] = {"model": model}
    return {"status_code": status, "response_model": None, "responses": responses, **more}


def _endings(made: type[BaseModel], failed: type[BaseModel], waits: str) -> dict[int | str, dict[str, Any]]:
    """Return the answers, beside 201, of a route that makes an import or a batch."""
    return {
        202: {"model": made, "description": waits},
        outcomes.FAILED: {
            "model": failed,
            "description": "It was made and has failed or timed out: `code` and `message` say why.",
        },
    }


def _schema_of(hint: Any) -> dict[str, Any]:
    """Return the JSON schema of an option by its type."""
    if get_origin(hint) is tuple:
        return {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
    if get_origin(hint) is not None and issubclass(get_origin(hint), Mapping):
        return {"type": "object", "additionalProperties": {"type": "string"}}
    choices = [one for one in get_args(hint) if one is not NoneType] or [hint]
    if len(choices) > 1:
        return {"anyOf": [_schema_of(one) for one in choices]}
    (kind,) = choices
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {"type": "string", "enum": [one.value for one in kind if one is not Action.REVERT]}
    names = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return {"type": names[kind]}


def options_schema() -> dict[str, Any]:
    """Return the JSON schemas of the options that a request can give, by name, with their descriptions."""
    schemas = {}
    for name, option in declarations().items():
        if option.group is not Group.SOURCE:
            bounds = {"minimum": option.minimum, "maximum": option.maximum}
            schemas[name] = {
                **_schema_of(option.hint),
                **{key: bound for key, bound in bounds.items() if bound is not None},
                "description": option.description,
            }
    return schemas


_ABOUT: Final[dict[str, Any]] = {
    "resource": {"type": "string", "enum": list(RESOURCES)},
    "name": {"type": "string", "minLength": 3, "maxLength": 127},
    "idempotency_key": {"type": "string", "minLength": 1, "maxLength": 255},
}

_IDEMPOTENCY_KEY: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_DATA: Final[dict[str, Any]] = {
    "description": "An array of objects, a base64 data URL of a CSV or XLSX file, or null for an upload URL.",
    "anyOf": [
        {"type": "array", "items": {"type": "object"}, "minItems": 1},
        {"type": "string", "pattern": "^data:[^;,]*;base64,[A-Za-z0-9+/]+={0,2}$"},
        {"type": "null"},
    ],
}

_IMPORT_REQUEST: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["resource"],
    "additionalProperties": False,
    "properties": {**_ABOUT, "data": _DATA, **options_schema()},
}

#: title → a body for ``POST /v1/imports`` that works as it is.
IMPORT_EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "inline objects": {
        "resource": "contact",
        "action": "merge",
        "mode": "sync",
        "data": [
            {
                "name": "Ada Lovelace",
                "email": "ada@example.com",
                "alternate_emails": {"work": "ada@example.org"},
            },
            {"name": "Alan Turing", "email": "alan@example.com", "metadata": {"department": "Research"}},
        ],
    },
    "a CSV file as data URL": {
        "resource": "contact",
        "mode": "sync",
        "data": "data:text/csv;base64,bmFtZSxlbWFpbApHcmFjZSBIb3BwZXIsZ3JhY2VAZXhhbXBsZS5jb20K",
    },
    "an upload URL": {"resource": "contact", "action": "merge", "name": "Nightly people", "data": None},
    "only the plan of an overwrite": {
        "resource": "contact",
        "action": "overwrite",
        "dry_run": True,
        "data": [{"name": "Ada Lovelace", "email": "ada@example.com"}],
    },
}

CREATE_IMPORT: Final = _route(
    201,
    ImportAnswer,
    responses=_endings(ImportAnswer, FailedImportAnswer, "Goes on in the background, or waits for its file."),
    openapi_extra={
        "parameters": [_IDEMPOTENCY_KEY],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": _IMPORT_REQUEST,
                    "examples": {title: {"value": example} for title, example in IMPORT_EXAMPLES.items()},
                },
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["resource", "file"],
                        "properties": {
                            **_ABOUT,
                            "file": {"type": "string", "format": "binary"},
                            **{
                                name: {"type": "string", "description": schema["description"]}
                                for name, schema in options_schema().items()
                            },
                        },
                    }
                },
            },
        },
    },
)
#: title → a body for ``POST /v1/batches`` that works as it is.
BATCH_EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "items with defaults": {
        "resource": "contact",
        "mode": "sync",
        "properties": {"metadata": {"source": "crm"}},
        "items": [
            {"name": "Ada Lovelace", "email": "ada@example.com"},
            {"name": "Alan Turing", "external_id": "42"},
        ],
    }
}
CREATE_BATCH: Final = _route(
    201,
    BatchAnswer,
    responses=_endings(BatchAnswer, FailedBatchAnswer, "Goes on in the background."),
    openapi_extra={
        "parameters": [_IDEMPOTENCY_KEY],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["resource", "items"],
                        "additionalProperties": False,
                        "properties": {
                            **_ABOUT,
                            "items": {"type": "array", "items": {"type": "object"}, "minItems": 1},
                            "properties": {"type": "object"},
                            **{
                                name: schema
                                for name, schema in options_schema().items()
                                if not declarations()[name].of_a_file
                            },
                        },
                    },
                    "examples": {title: {"value": example} for title, example in BATCH_EXAMPLES.items()},
                }
            },
        },
    },
)
GET_BATCH: Final = _route(200, BatchAnswer)
GET_IMPORT: Final = _route(200, ImportAnswer)
CANCEL_IMPORT: Final = _route(200, ImportAnswer)
REVERT_IMPORT: Final = _route(
    201,
    ImportAnswer,
    responses=_endings(ImportAnswer, FailedImportAnswer, "Goes on in the background."),
    openapi_extra={
        "requestBody": {
            "required": False,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {"dry_run": {"type": "boolean"}},
                        "additionalProperties": False,
                    }
                }
            },
        }
    },
)
LIST: Final = _route(200, ListAnswer)
GET_RECORD: Final = _route(200, RecordAnswer)
CREATE_LOCATION: Final = _route(
    201,
    RecordAnswer,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 255}},
                        "additionalProperties": False,
                    },
                    "example": {"name": "Berlin office"},
                }
            },
        }
    },
)
PUT_FILE: Final = _route(
    200,
    Envelope,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
GET_FILE: Final = _route(
    200,
    responses={
        200: {
            "description": "The file.",
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in ("text/csv", "application/json", "application/octet-stream")
            },
        }
    },
)
HEALTH: Final = _route(200, Envelope)
READY: Final = _route(200, Envelope)
