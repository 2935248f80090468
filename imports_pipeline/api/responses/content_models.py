"""The pydantic models of answers about one import: its progress, first rows, plan and rejected rows."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from imports_pipeline.api.responses.response_models import Envelope, Pagination
from imports_pipeline.import_phases.shown_rows.understood_columns import RULES


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


class ColumnObject(BaseModel):
    """One column of a file."""

    position: int = Field(description="The number of the column, from 1.")
    header: str = Field(description="Its header as written; empty if it has none.")
    field: str | None = Field(description="The field that is read from it; null if there is none.")
    fields: list[str] = Field(description="All fields that are read from it, the likeliest first.")
    ignored: bool = Field(description="True if nothing is read from it.")
    how: str = Field(
        json_schema_extra={"enum": [*RULES]},
        description="How it was understood: " + "; ".join(f"`{name}`, {why}" for name, why in RULES.items()),
    )
    samples: list[str] = Field(description="Its first three different values.")


class ShownError(BaseModel):
    """One error of a row."""

    code: str = Field(description="A stable error code; docs/reference/errors.md lists all of them.")
    field: str | None = Field(description="The field; null if it is the row as a whole or no field.")
    column: str = Field(description="The header of the cell; empty if it is no cell.")
    message: str = Field(description="One sentence that says what is wrong and what to do.")


class ShownRow(BaseModel):
    """One row as written and as understood."""

    line: int = Field(description="The line of the file.")
    cells: list[str] = Field(description="Its cells as written, in the order of the columns.")
    record: dict[str, str] | None = Field(
        description="Field → value as the import understands it; null if the row was not checked or has no valid value"
        " for a field that it needs. A row with a record may still be rejected, such as one that is in the file twice."
    )
    rejected: bool = Field(description="True if the row is not imported because of its errors.")
    errors: list[ShownError] = Field(description="What is wrong with the row.")


class FirstRowsObject(BaseModel):
    """The columns and the first rows of a file."""

    columns: list[ColumnObject] = Field(description="The columns of the file.")
    rows: list[ShownRow] = Field(description="The first rows, by line.")


class FirstRowsAnswer(Envelope):
    """A response with the columns and the first rows of a file."""

    data: FirstRowsObject = Field(description="The columns and the first rows.")


class ProgressObject(BaseModel):
    """How far an import is."""

    object: str = Field(description="The type of this object: `progress`.")
    import_id: str = Field(description="The import.")
    status: str = Field(description="The status of the import.")
    phase: str | None = Field(
        description="The phase that is being done or comes next, or the last one; null if it waits for its file."
    )
    rows: int | None = Field(
        description="The rows of the phase that are done; null if it does not count them, or began a second ago."
    )
    total: int | None = Field(description="The rows that the phase has to do; null if it is not known.")
    share: float | None = Field(
        description="The part of all phases that is done, from 0 to 1; null for a revert that is under way."
    )
    has_ended: bool = Field(description="True if the status is final, so that nothing will change any more.")
    token: str = Field(description="What `after` takes to wait for the next change.")


class ProgressAnswer(Envelope):
    """A response with the progress of an import."""

    data: ProgressObject = Field(description="How far the import is.")
