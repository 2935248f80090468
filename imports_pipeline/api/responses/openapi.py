"""The OpenAPI descriptions of the routes: request bodies, responses, and examples.

A test sends every example to a running API.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import NoneType
from typing import Any, Final, get_args, get_origin

from imports_pipeline.api.responses.openapi_parts import body, other_outcomes, route
from imports_pipeline.api.responses.response_models import (
    BatchAnswer,
    Envelope,
    FailedBatchAnswer,
    FailedImportAnswer,
    ImportAnswer,
    ListAnswer,
    RecordAnswer,
)
from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.option_declarations import Group
from imports_pipeline.model.options import declarations
from imports_pipeline.schemas.catalog import RESOURCES


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


_KEY_DESCRIPTION: Final = (
    "A text of the caller's choice. A second request with the same key returns the import of the first one."
)
_COMMON_PROPERTIES: Final[dict[str, Any]] = {
    "resource": {"type": "string", "enum": list(RESOURCES), "description": "The resource of the rows."},
    "name": {
        "type": "string",
        "minLength": 3,
        "maxLength": 127,
        "description": "A name for the import, for people who look at lists of imports.",
    },
    "idempotency_key": {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "description": f"{_KEY_DESCRIPTION} The header Idempotency-Key does the same.",
    },
}

_IDEMPOTENCY_KEY: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": _KEY_DESCRIPTION,
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
    "properties": {**_COMMON_PROPERTIES, "data": _DATA, **options_schema()},
}

#: Complete bodies for ``POST /v1/imports``, by title.
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

CREATE_IMPORT: Final = route(
    201,
    ImportAnswer,
    responses=other_outcomes(
        ImportAnswer, FailedImportAnswer, "The import goes on in the background, or waits for its file."
    ),
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
                            **_COMMON_PROPERTIES,
                            "file": {
                                "type": "string",
                                "format": "binary",
                                "description": "The file to import: CSV or XLSX, also packed as gzip or zip.",
                            },
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
#: Complete bodies for ``POST /v1/batches``, by title.
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
CREATE_BATCH: Final = route(
    201,
    BatchAnswer,
    responses=other_outcomes(BatchAnswer, FailedBatchAnswer, "The batch goes on in the background."),
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
                            **_COMMON_PROPERTIES,
                            "items": {
                                "type": "array",
                                "items": {"type": "object"},
                                "minItems": 1,
                                "description": "The items: one object for each record, with its fields.",
                            },
                            "properties": {
                                "type": "object",
                                "description": "Default values for the fields that an item does not have.",
                            },
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
GET_BATCH: Final = route(200, BatchAnswer)
GET_IMPORT: Final = route(200, ImportAnswer)
CANCEL_IMPORT: Final = route(200, ImportAnswer)
REVERT_IMPORT: Final = route(
    201,
    ImportAnswer,
    responses=other_outcomes(ImportAnswer, FailedImportAnswer, "The revert goes on in the background."),
    openapi_extra=body(
        {
            "dry_run": {
                "type": "boolean",
                "description": "True to make only the plan of the revert and write nothing.",
            }
        }
    ),
)
LIST: Final = route(200, ListAnswer)
GET_RECORD: Final = route(200, RecordAnswer)
CREATE_LOCATION: Final = route(
    201,
    RecordAnswer,
    openapi_extra=body(
        {
            "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": 255,
                "description": "The name of the location, unique in the organization.",
            }
        },
        required=["name"],
        example={"name": "Berlin office"},
    ),
)
PUT_FILE: Final = route(
    200,
    Envelope,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
GET_FILE: Final = route(
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
HEALTH: Final = route(200, Envelope)
READY: Final = route(200, Envelope)
