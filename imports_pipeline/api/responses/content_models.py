"""The pydantic models of answers with the contents of an import: its plan and its rejected rows."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from imports_pipeline.api.responses.response_models import Envelope, Pagination


class Change(BaseModel):
    """What changes in one field of a record."""

    field: str = Field(
        description="The field, such as `email` or `alternate_phones.work`; or a list, `groups`."
    )
    old: Any = Field(description="The stored value; null if there is none, and for a list.")
    new: Any = Field(description="The value that the import writes; null if it writes none, and for a list.")
    added: list[str] = Field(default=[], description="For a list: the ids that are added to it.")
    removed: list[str] = Field(default=[], description="For a list: the ids that are removed from it.")


class PlanEntry(BaseModel):
    """What the import does, or would do, to one record."""

    operation: str = Field(
        description="`overwritten` (removed because the file does not name it), `deleted`, `created`, `updated`,"
        " `groups_created`; of a revert also `unchanged`, `conflict`, `groups_deleted`, `groups_left`."
    )
    line: int | None = Field(description="The line of the file; null for a record that no line names.")
    id: str = Field(description="The record.")
    name: str | None = Field(description="Its name, as stored, or as given for a new record.")
    email: str | None = Field(description="Its email; null for a group.")
    external_id: str | None = Field(description="Its external id.")
    changes: list[Change] = Field(
        description="What changes, field by field; of a removed record all its values are old. Empty for a new record."
    )
    reason: str | None = Field(
        description="Of `conflict` and `groups_left`, why the record is left alone; otherwise null."
    )


class PlanPagination(Pagination):
    """The position of a page of a plan."""

    operations: dict[str, int] = Field(
        description="The number of entries of the whole plan by their operation."
    )


class PlanAnswer(Envelope):
    """A response with one page of a plan."""

    data: list[PlanEntry] = Field(description="The entries of this page; removals come first.")
    pagination: PlanPagination = Field(description="The position of the page in the plan.")


class RowError(BaseModel):
    """One error of a row."""

    code: str = Field(description="A stable error code; docs/reference/errors.md lists all of them.")
    field: str | None = Field(description="The field; null if it is the row as a whole or no field.")
    column: str = Field(description="The header of the cell, as in `row`; empty if it is no cell.")
    value: str = Field(description="The invalid value as the error shows it.")
    message: str = Field(description="One sentence that says what is wrong and what to do.")


class RejectedRow(BaseModel):
    """A row that was rejected, or that was imported without an invalid cell."""

    line: int = Field(description="The line of the uploaded file.")
    code: str = Field(description="The code of the first error.")
    field: str | None = Field(description="The field of the first error.")
    column: str = Field(description="The header of the first error.")
    message: str = Field(description="The message of the first error.")
    phase: str = Field(description="The phase that found the errors.")
    rejected: bool = Field(description="False if the row is imported without its invalid cells.")
    row: dict[str, str] = Field(
        description="Header → cell as written. A column without a header is `column 7`."
    )
    raw: str | None = Field(description="The text of a record that could not be parsed; otherwise null.")
    errors: list[RowError] = Field(description="All errors of the row.")


class ErrorsPagination(Pagination):
    """The position of a page of rejected rows."""

    codes: dict[str, int] = Field(
        description="The number of rows of the whole errors file that have an error with this code."
    )


class ErrorsAnswer(Envelope):
    """A response with one page of rejected rows."""

    data: list[RejectedRow] = Field(description="The rows of this page, by line.")
    pagination: ErrorsPagination = Field(description="The position of the page.")
