"""What the row checks return, and the names of the files that they write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from imports_pipeline.import_phases.suspicious_cells import SuspiciousCell
from imports_pipeline.import_phases.suspicious_cells import merged as merged_cells
from imports_pipeline.model.files import LEFT_OUT, REJECTED_ROWS, ROWS
from imports_pipeline.model.files import rejections as rejections_file
from imports_pipeline.model.phases import Phase
from imports_pipeline.reading.passed_over import merged
from imports_pipeline.reading.records import PassedOver
from imports_pipeline.schemas.column_mapping.sample import KnownCells


class SampleMisled(Exception):
    """Cells below the sample show that columns were understood wrongly. The first argument says what they hold."""

    args: tuple[KnownCells]


@dataclass(frozen=True)
class CheckedRows:
    """The result of checking rows.

    Attributes:
        total: How many rows there were.
        rejected: How many of them were rejected.
        passed_over: The records that were passed over as no rows.
        suspicious: The first cell of each kind that was probably damaged before the file was written, by code.
        left_out: Header → how many of its values found no field of a contact.
    """

    total: int
    rejected: int
    passed_over: tuple[PassedOver, ...] = ()
    suspicious: Mapping[str, SuspiciousCell] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: CheckedRows) -> CheckedRows:
        """Return the sum of two results; ``other`` is of the rows that follow in the file."""
        passed_over = tuple(merged([*self.passed_over, *other.passed_over]))
        return CheckedRows(
            self.total + other.total,
            self.rejected + other.rejected,
            passed_over,
            merged_cells(self.suspicious, other.suspicious),
            dict(Counter(self.left_out) + Counter(other.left_out)),
        )


@dataclass(frozen=True)
class Outputs:
    """The names of the files of accepted rows, rejected rows, errors and left-out cells.

    ``parts`` is the number of parts of the accepted rows.
    """

    rows: str = ROWS
    rejected: str = REJECTED_ROWS
    errors: str = rejections_file(Phase.PREVALIDATION)
    left_out: str = LEFT_OUT
    parts: int = 1
