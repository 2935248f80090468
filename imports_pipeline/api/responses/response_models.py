"""The shapes of answers, as the OpenAPI document gives them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from imports_pipeline.api.responses.envelope import API_CODES
from imports_pipeline.model.errors import IMPORT_CODES
from imports_pipeline.model.notices import NOTICE_CODES

_CODES: list[JsonValue] = [*sorted({**API_CODES, **IMPORT_CODES})]


class Problem(BaseModel):
    """What is wrong with a request, and where."""

    code: str
    field: str | None
    message: str


class Pagination(BaseModel):
    """Where a page of a list is."""

    page: int
    limit: int
    #: counted up to 10,000; `exact` says whether that is all
    total: int
    pages: int
    exact: bool


class Envelope(BaseModel):
    """The one shape of all answers."""

    status: str
    message: str
    data: Any
    errors: list[Problem]
    code: str
    pagination: Pagination | None
    endpoint: str


class PhaseReport(BaseModel):
    """What a phase did."""

    name: str
    mode: str
    total: int
    processed: int
    success: int
    error: int
    started_at: float
    ended_at: float


class NoticeObject(BaseModel):
    """What a person should know about an import; `code` is one of the notices in docs/reference/errors.md."""

    code: str = Field(json_schema_extra={"enum": [*sorted(NOTICE_CODES)]})
    message: str


class Stats(BaseModel):
    """What became of the rows."""

    created: int
    updated: int
    unchanged: int
    deleted: int
    overwritten: int
    rejected: int


class Recorded(BaseModel):
    """What an import and a batch have in common; times are epoch seconds."""

    model_config = ConfigDict(extra="allow")

    object: str
    id: str
    organization_id: str
    name: str | None
    resource: str
    action: str
    mode: str
    status: str
    reason: str | None
    code: str | None
    #: what its phases found, a sentence each that says what to do
    notices: list[NoticeObject]
    phases: list[PhaseReport]
    stats: Stats
    has_errors_file: bool
    checksum: str | None
    run_id: str | None
    source: str
    created_at: int
    updated_at: int


class ImportObject(Recorded):
    """An import (docs/reference/api.md); signed URLs are there when they were asked for."""

    has_upload_file: bool
    batch_id: str | None


class ImportAnswer(Envelope):
    """An answer with an import."""

    data: ImportObject


class BatchObject(Recorded):
    """A batch (docs/reference/api.md): of an import, or of items that came without one."""

    import_id: str | None
    via: str
    ignored_columns: list[str]


class BatchAnswer(Envelope):
    """An answer with a batch."""

    data: BatchObject


class ListAnswer(Envelope):
    """An answer with a page of a list."""

    data: list[dict[str, Any]]
    pagination: Pagination


class RecordAnswer(Envelope):
    """An answer with one record."""

    data: dict[str, Any]


class ErrorAnswer(Envelope):
    """A refusal; `code` is one of those in docs/reference/errors.md."""

    code: str = Field(json_schema_extra={"enum": _CODES})


class FailedImportAnswer(ErrorAnswer):
    """An answer with an import that failed or timed out; `code` and `message` are its `code` and `reason`."""

    data: ImportObject


class FailedBatchAnswer(ErrorAnswer):
    """An answer with a batch that failed or timed out; `code` and `message` are its `code` and `reason`."""

    data: BatchObject
