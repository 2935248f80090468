"""The pydantic models of responses, from which FastAPI makes the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from imports_pipeline.api.responses.envelope import API_CODES
from imports_pipeline.model.errors import IMPORT_CODES
from imports_pipeline.model.notices import NOTICE_CODES

_CODES: list[JsonValue] = [*sorted({**API_CODES, **IMPORT_CODES})]

_T = TypeVar("_T")
#: The error codes of the API and of imports, as an enumeration of the schema.
_Code = Annotated[
    str,
    Field(
        json_schema_extra={"enum": _CODES},
        description="A stable error code; docs/reference/errors.md says what each one means and what to do.",
    ),
]
_ImportData = Annotated[_T, Field(description="The import.")]
_BatchData = Annotated[_T, Field(description="The batch.")]


class Problem(BaseModel):
    """One error of a request: what is wrong, and in which field."""

    code: str = Field(description="A stable error code; docs/reference/errors.md lists all of them.")
    field: str | None = Field(description="The field that is wrong; null if it is the request as a whole.")
    message: str = Field(description="One sentence that says what is wrong and what to do.")


class Pagination(BaseModel):
    """The position of a page in its list."""

    page: int = Field(description="The number of this page; the first page is 1.")
    limit: int = Field(description="The largest number of objects on a page.")
    total: int = Field(
        description="The number of objects in the list. It is counted up to 10,000; `exact` is false beyond that."
    )
    pages: int = Field(description="The number of pages that `total` objects fill.")
    exact: bool = Field(description="True if `total` is the exact number of objects.")


class Envelope(BaseModel):
    """The common shape of all responses."""

    status: str = Field(description="`success`, or `error` for a refused request and for a failed import.")
    message: str = Field(description="One sentence for a person; empty if there is nothing to say.")
    data: Any = Field(description="The object or the list that was requested; null if there is none.")
    errors: list[Problem] = Field(description="The errors of the request; empty for a success.")
    code: str = Field(description="`ok`, or a stable error code of docs/reference/errors.md.")
    pagination: Pagination | None = Field(description="The position of the page; null if it is no list.")
    endpoint: str = Field(description="The method and the path of the request.")


class PhaseReport(BaseModel):
    """The counts and the times of one phase."""

    name: str = Field(description="The name of the phase, such as `prevalidation`.")
    mode: str = Field(description="`sync` if the caller waited for the phase, `async` if it ran later.")
    total: int = Field(description="The number of rows that the phase had to work on.")
    processed: int = Field(description="The number of rows that the phase worked on: `success` + `error`.")
    success: int = Field(description="The number of rows that passed; the next phase's `total`.")
    error: int = Field(description="The number of rows that the phase rejected.")
    started_at: float = Field(description="The time at which the phase began, in epoch seconds.")
    ended_at: float = Field(description="The time at which the phase ended, in epoch seconds.")


class NoticeObject(BaseModel):
    """Something that a person should know about an import although it did not fail."""

    code: str = Field(
        json_schema_extra={"enum": [*sorted(NOTICE_CODES)]},
        description="A stable code of a notice; docs/reference/errors.md lists all of them.",
    )
    message: str = Field(description="One sentence that says what was found and what to do.")


class Stats(BaseModel):
    """What happened to the records and the rows; options add further counts (docs/reference/statuses.md)."""

    model_config = ConfigDict(extra="allow")

    created: int = Field(description="The number of records that were created.")
    updated: int = Field(description="The number of records that were changed.")
    unchanged: int = Field(description="The number of records that already had the values of their row.")
    deleted: int = Field(description="The number of records that rows of action `delete` removed.")
    overwritten: int = Field(description="The number of records that the cleanup of an overwrite removed.")
    rejected: int = Field(description="The number of rows that were rejected; they are in the errors file.")


class Recorded(BaseModel):
    """The fields that imports and batches have in common; times are epoch seconds."""

    model_config = ConfigDict(extra="allow")

    object: str = Field(description="The type of this object: `import` or `batch`.")
    id: str = Field(description="The TypeID of this object: `imp_…` or `btch_…`.")
    organization_id: str = Field(description="The organization to which the object belongs.")
    name: str | None = Field(description="The name that the request gave; null if it gave none.")
    resource: str = Field(description="The resource of the rows: `contact` or `group`.")
    action: str = Field(description="`merge`, `overwrite` or `delete`; `revert` for an undo.")
    mode: str = Field(description="`sync` if all phases run before the response, otherwise `mixed`.")
    status: str = Field(
        description="`requested`, `queued`, `processing`, `completed`, `failed`, `timed_out` or `expired`."
    )
    reason: str | None = Field(
        description="One sentence that says why the import has failed and what to do; null if it has not."
    )
    code: str | None = Field(
        description="The stable code of `reason`; docs/reference/errors.md lists all of them."
    )
    notices: list[NoticeObject] = Field(
        description="What the phases found and a person should know, with what to do about it."
    )
    phases: list[PhaseReport] = Field(description="A report of each phase that has run, in their order.")
    stats: Stats = Field(description="How many records were written and how many rows were rejected.")
    has_errors_file: bool = Field(description="True if rows were rejected, so that there is an errors file.")
    checksum: str | None = Field(description="The SHA-256 of the uploaded file, in hexadecimal digits.")
    run_id: str | None = Field(description="The id of the Dagster run that works, or worked, on it.")
    reverts: str | None = Field(description="The import that this one reverts, if it is a revert.")
    reverted_by: str | None = Field(
        description="The first import that has reverted this one; null if none has. Dry runs do not count."
    )
    approves: str | None = Field(
        description="The refused import whose file this one imports again; null if it approves none."
    )
    approved_by: str | None = Field(
        description="The person or the API key that approved the removals; null if the import approves none."
    )
    approval: str | None = Field(
        description="The import that approves this one; null if there is none, or if it has failed."
    )
    plan_checksum: str | None = Field(
        description="The checksum of the plan of a dry run, of a refused import, and of one that carries out a plan."
    )
    expected_plan_checksum: str | None = Field(
        description="The checksum of the plan that was committed or approved: the import fails if its plan differs."
    )
    corrects: str | None = Field(
        description="The import whose file this dry run checks again with corrected rows; null if it corrects none."
    )
    commits: str | None = Field(
        description="The dry run that this import carries out; null if it carries out none."
    )
    commit: str | None = Field(description="The import that carries out this dry run; null if there is none.")
    rejected_by: str | None = Field(
        description="Who decided that this refused import is not to be approved; null if nobody did."
    )
    rejection_reason: str | None = Field(description="Why the refused import is not to be approved.")
    people: dict[str, str] | None = Field(
        default=None,
        description="The names of the API keys in `created_by`, `approved_by` and `rejected_by`, where they have one;"
        " only when one import is read.",
    )
    source: str = Field(
        description="The way in: `api`, `upload_url`, `bucket`, `schedule`, `ui` (Dagster) or `cli`."
    )
    created_at: int = Field(description="The time of the request, in epoch seconds.")
    updated_at: int = Field(description="The time of the last change to this object, in epoch seconds.")


class ImportObject(Recorded):
    """An import (docs/reference/api.md), with the signed URLs that the request includes."""

    has_upload_file: bool = Field(description="True if the uploaded file is kept and can be downloaded.")
    batch_id: str | None = Field(description="The id of the import's batch; null before phase 4.")


class ImportAnswer(Envelope):
    """A response with an import."""

    data: _ImportData[ImportObject]


class BatchObject(Recorded):
    """A batch (docs/reference/api.md): the second part of an import, or JSON items without an import."""

    import_id: str | None = Field(description="The import to which the batch belongs; null for JSON items.")
    via: str = Field(description="`file` if the batch belongs to an import, `api` if its items were sent.")
    ignored_columns: list[str] = Field(description="Names in the items, or the file, that mean no field.")


class BatchAnswer(Envelope):
    """A response with a batch."""

    data: _BatchData[BatchObject]


class ListAnswer(Envelope):
    """A response with one page of a list."""

    data: list[dict[str, Any]] = Field(description="The objects of this page.")
    pagination: Pagination = Field(description="The position of the page in the list.")


class RecordAnswer(Envelope):
    """A response with one contact, group or location."""

    data: dict[str, Any] = Field(description="The record; the API reference lists its fields.")


class ErrorAnswer(Envelope):
    """A refused request."""

    code: _Code


class FailedImportAnswer(ErrorAnswer):
    """An import that failed or timed out; `code` and `message` are its `code` and `reason`."""

    data: _ImportData[ImportObject]


class FailedBatchAnswer(ErrorAnswer):
    """A batch that failed or timed out; `code` and `message` are its `code` and `reason`."""

    data: _BatchData[BatchObject]
