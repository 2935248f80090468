"""Query parameters of the routes: the page of a list, filters, and the files whose URLs a response has.

Each class is a dataclass whose fields are the parameters; a route takes it with ``Depends``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import Header, Path, Query

from imports_pipeline.api.requests.bodies import check_text
from imports_pipeline.api.responses.envelope import Refusal
from imports_pipeline.model.option_choices import Action, Mode
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import lists

ImportId = Annotated[str, Path(description="The id of the import (`imp_…`).")]
BatchId = Annotated[str, Path(description="The id of the batch (`btch_…`).")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="A text of your choice. A second request with the same key returns the import of the first.",
    ),
]
#: The description of the parameter ``order_by`` of every list.
ORDER_BY: Final = Query(description="The field by which the list is ordered.")
Direction = Annotated[Literal["asc", "desc"], Query(description="Ascending or descending order.")]


def text_filter(description: str) -> Any:
    """Return the FastAPI declaration of an optional query parameter that filters a list by a text."""
    return Query(min_length=1, max_length=255, description=description)


@dataclass(frozen=True)
class Paging:
    """The requested page of a list."""

    page: Annotated[
        int, Query(ge=1, le=lists.FARTHEST, description="The number of the page; the first page is 1.")
    ] = 1
    limit: Annotated[
        int, Query(ge=1, le=lists.LONGEST, description="The largest number of objects on a page.")
    ] = 20

    @property
    def first(self) -> int:
        """The number of objects before the page."""
        return (self.page - 1) * self.limit

    def of(self, order_by: str, direction: str, filters: Mapping[str, Any]) -> lists.ListQuery:
        """Return the query of this page with an order and filters.

        Raises:
            Refusal: a filter holds a character that PostgreSQL cannot store.
        """
        for name, value in filters.items():
            if isinstance(value, str):
                check_text(value)
                if "\0" in value:
                    raise Refusal(400, "invalid_request", f"{name}: holds a NUL character")
        return lists.ListQuery(self.page, self.limit, order_by, direction == "desc", filters)


@dataclass(frozen=True)
class ImportFilters:
    """The filters of lists of imports and batches."""

    resource: Annotated[
        Literal["contact", "group"] | None, Query(description="Only imports of this resource.")
    ] = None
    action: Annotated[Action | None, Query(description="Only imports with this action.")] = None
    mode: Annotated[Mode | None, Query(description="Only imports with this mode.")] = None
    status: Annotated[Status | None, Query(description="Only imports with this status.")] = None
    has_errors: Annotated[
        bool | None, Query(description="Only imports with (true) or without (false) rejected rows.")
    ] = None
    location_id: Annotated[str | None, text_filter("Only imports whose scope is this location.")] = None

    def given(self) -> dict[str, Any]:
        """Return the filters by name; None means no filter."""
        return asdict(self)


def _url_of(file: str) -> Any:
    return Query(description=f"True for a signed URL of {file}.")


@dataclass(frozen=True)
class BatchFiles:
    """The files of a batch whose signed URLs the response should contain."""

    include_errors_csv: Annotated[bool, _url_of("the errors file as CSV")] = False
    include_errors_json: Annotated[bool, _url_of("the errors file as JSON")] = False
    include_errors_xlsx: Annotated[bool, _url_of("the errors file as a workbook, invalid cells marked")] = (
        False
    )
    include_result_json: Annotated[bool, _url_of("the result file (option save_result)")] = False
    include_plan_csv: Annotated[bool, _url_of("the plan as CSV")] = False
    include_plan_json: Annotated[bool, _url_of("the plan as JSON")] = False

    def requested(self) -> list[str]:
        """Return the names of the requested files, as ``objects.FILES`` names them."""
        return [name.removeprefix("include_") for name, wanted in asdict(self).items() if wanted]


@dataclass(frozen=True)
class ImportFiles(BatchFiles):
    """The files of an import whose signed URLs the response should contain."""

    include_upload_csv: Annotated[bool, _url_of("the uploaded file")] = False
    include_upload_json: Annotated[bool, _url_of("the uploaded rows as JSON")] = False
