"""What routes take in their query: the page of a list, filters, and which files an answer is to name.

Dataclasses whose fields are the parameters; a route depends on them (``Depends``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from fastapi import Query

from imports_pipeline.api.requests.bodies import check_text
from imports_pipeline.api.responses.envelope import Refusal
from imports_pipeline.model.options import Action, Mode
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import lists

Text = Annotated[str | None, Query(min_length=1, max_length=255)]
_Flag = Annotated[bool, Query()]


@dataclass(frozen=True)
class Paging:
    """The part of a list that is asked for."""

    page: Annotated[int, Query(ge=1, le=lists.FARTHEST, description="From 1.")] = 1
    limit: Annotated[int, Query(ge=1, le=lists.LONGEST, description="The most on a page.")] = 20

    def of(self, order_by: str, direction: str, filters: Mapping[str, Any]) -> lists.ListQuery:
        """Put together what is asked for. Raises ``Refusal``."""
        for name, value in filters.items():
            if isinstance(value, str):
                check_text(value)
                if "\0" in value:
                    raise Refusal(400, "invalid_request", f"{name}: holds a NUL character")
        return lists.ListQuery(self.page, self.limit, order_by, direction == "desc", filters)


Direction = Annotated[Literal["asc", "desc"], Query()]


@dataclass(frozen=True)
class ImportFilters:
    """The filters that imports and batches have."""

    resource: Annotated[Literal["contact", "group"] | None, Query()] = None
    action: Annotated[Action | None, Query()] = None
    mode: Annotated[Mode | None, Query()] = None
    status: Annotated[Status | None, Query()] = None
    has_errors: Annotated[bool | None, Query()] = None
    location_id: Text = None

    def given(self) -> dict[str, Any]:
        """Return them by name."""
        return asdict(self)


@dataclass(frozen=True)
class BatchFiles:
    """The files of a batch whose signed URLs an answer can have."""

    include_errors_csv: _Flag = False
    include_errors_json: _Flag = False
    include_result_json: _Flag = False
    include_plan_csv: _Flag = False
    include_plan_json: _Flag = False

    def asked(self) -> list[str]:
        """Name those that are asked for, as ``objects.FILES`` does."""
        return [name.removeprefix("include_") for name, wanted in asdict(self).items() if wanted]


@dataclass(frozen=True)
class ImportFiles(BatchFiles):
    """The files of an import whose signed URLs an answer can have."""

    include_upload_csv: _Flag = False
    include_upload_json: _Flag = False
