"""The seven phases, and their results and reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

from imports_pipeline.model.notices import Notice


class Phase(StrEnum):
    """A phase's name, the same in code, ops, logs, metadata and documents."""

    PREVALIDATION = "prevalidation"
    PREPARSING = "preparsing"
    TRANSFORMING = "transforming"
    PARSING = "parsing"
    VALIDATION = "validation"
    PROCESSING = "processing"
    CLEANUP = "cleanup"


IMPORT_PHASES: Final = (Phase.PREVALIDATION, Phase.PREPARSING, Phase.TRANSFORMING)
BATCH_PHASES: Final = (Phase.PARSING, Phase.VALIDATION, Phase.PROCESSING, Phase.CLEANUP)
PHASES: Final = IMPORT_PHASES + BATCH_PHASES
#: The phases that run before the caller of a `mixed` import has its answer.
CHECKING_PHASES: Final = (*IMPORT_PHASES, Phase.PARSING, Phase.VALIDATION)
#: The phases that write.
WRITING_PHASES: Final = (Phase.PROCESSING, Phase.CLEANUP)


@dataclass(frozen=True)
class PhaseResult:
    """The result of a phase: the numbers of rows in and out. It has no rows; ``facts`` are a few plain values.

    Example:
        >>> PhaseResult(Phase.TRANSFORMING, 10, 0, notices=(Notice("rows_without_keys", "…"),))
    """

    phase: Phase
    total: int
    error: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()

    @property
    def processed(self) -> int:
        """The number of rows that the phase has processed: all, because a phase ends or fails as a whole."""
        return self.total

    @property
    def success(self) -> int:
        """The number of rows that the phase passes on: the next phase's ``total``."""
        return self.total - self.error


@dataclass(frozen=True)
class PhaseReport:
    """A phase's entry in the import's ``phases``; times are epoch seconds (UTC).

    ``notices`` are recorded together with the report, but are not part of that entry.
    """

    name: str
    mode: str
    total: int
    processed: int
    success: int
    error: int
    started_at: float
    ended_at: float
    notices: tuple[Notice, ...] = ()

    @classmethod
    def of(cls, result: PhaseResult, mode: str, started_at: float, ended_at: float) -> PhaseReport:
        """Return the report of ``result``; ``mode`` is ``sync`` if the caller waited for it, otherwise ``async``."""
        return cls(
            name=result.phase.value,
            mode=mode,
            total=result.total,
            processed=result.processed,
            success=result.success,
            error=result.error,
            started_at=started_at,
            ended_at=ended_at,
            notices=result.notices,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the report as the import object shows it."""
        return {name: value for name, value in asdict(self).items() if name != "notices"}
