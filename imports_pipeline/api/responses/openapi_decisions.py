"""The OpenAPI descriptions of the routes by which people decide about a plan that they have seen."""

from __future__ import annotations

from typing import Any, Final

from imports_pipeline.api.requests.decisions import EXPECTED
from imports_pipeline.api.responses.openapi_parts import body, other_outcomes, route
from imports_pipeline.api.responses.response_models import (
    BatchAnswer,
    FailedBatchAnswer,
    FailedImportAnswer,
    ImportAnswer,
)
from imports_pipeline.model.option_choices import Mode
from imports_pipeline.workflow.decisions.rejection import LONGEST_REASON

_CHECKSUM: Final[dict[str, Any]] = {
    "type": "string",
    "description": "The plan_checksum of the plan that you have seen. Another plan is refused (`plan_changed`).",
}

#: Complete bodies for ``POST /v1/imports/{id}/commit``, by title; a checksum is that of the import.
COMMIT_EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "the counts that were seen": {"expected": {"created": 1, "updated": 0, "overwritten": 0}, "mode": "sync"},
    "exactly the plan that was seen": {
        "plan_checksum": "64ec88ca00b268e5ba1a35678a1b5316d212f4f366b2477232534a8aeca37f3c"
    },
}

COMMIT_IMPORT: Final = route(
    201,
    ImportAnswer,
    responses=other_outcomes(ImportAnswer, FailedImportAnswer, "The import goes on in the background."),
    openapi_extra=body(
        {
            "plan_checksum": _CHECKSUM,
            "expected": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    name: {"type": "integer", "minimum": 0, "description": f"The count `{name}` of the plan."}
                    for name in EXPECTED
                },
                "description": "The counts that you have seen; those that are left out are not compared.",
            },
            "mode": {
                "type": "string",
                "enum": [one.value for one in Mode],
                "description": "The mode of the import. Without it: that of the dry run.",
            },
        },
        needed=True,
        examples={title: {"value": example} for title, example in COMMIT_EXAMPLES.items()},
    ),
)

#: Complete bodies for ``POST /v1/imports/{id}/corrections``, by title.
CORRECTION_EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "one cell of one row": {"rows": [{"line": 3, "row": {"email": "bob@example.com"}}]},
    "what a column means": {"rows": [], "column_mapping": {"name": "name"}, "save_as": "people-of-the-club"},
}

CORRECT_IMPORT: Final = route(
    201,
    ImportAnswer,
    responses=other_outcomes(ImportAnswer, FailedImportAnswer, "The dry run goes on in the background."),
    openapi_extra=body(
        {
            "rows": {
                "type": "array",
                "description": "The corrected rows; empty to check the file again as it is.",
                "items": {
                    "type": "object",
                    "required": ["line", "row"],
                    "additionalProperties": False,
                    "properties": {
                        "line": {
                            "type": "integer",
                            "minimum": 1,
                            "description": "The line of the row, as in the errors file.",
                        },
                        "row": {
                            "type": "object",
                            "additionalProperties": {"type": "string"},
                            "description": "Its cells by header; those that are left out stay as they are.",
                        },
                    },
                },
            },
            "column_mapping": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "Field to header, in place of the import's own column_mapping and saved_mapping.",
            },
            "save_as": {
                "type": "string",
                "description": "Save the mapping of the columns under this name, for the option saved_mapping.",
            },
        },
        required=["rows"],
        examples={title: {"value": example} for title, example in CORRECTION_EXAMPLES.items()},
    ),
)

_APPROVAL: Final = body(
    {
        "max_deletions": {
            "type": "integer",
            "minimum": 0,
            "description": "The number of removals that are approved; more than these fail again. Without it: the"
            " number in the plan of the refused import.",
        },
        "plan_checksum": _CHECKSUM,
    }
)
APPROVE_IMPORT: Final = route(
    201,
    ImportAnswer,
    responses=other_outcomes(ImportAnswer, FailedImportAnswer, "The import goes on in the background."),
    openapi_extra=_APPROVAL,
)
APPROVE_BATCH: Final = route(
    201,
    BatchAnswer,
    responses=other_outcomes(BatchAnswer, FailedBatchAnswer, "The batch goes on in the background."),
    openapi_extra=_APPROVAL,
)
_REJECTION: Final = body(
    {
        "reason": {
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_REASON,
            "description": "Why the records are not to go; it is shown on the import.",
        }
    },
    required=["reason"],
    example={"reason": "The file lacks the members of Oslo."},
)
REJECT_IMPORT: Final = route(200, ImportAnswer, openapi_extra=_REJECTION)
REJECT_BATCH: Final = route(200, BatchAnswer, openapi_extra=_REJECTION)
