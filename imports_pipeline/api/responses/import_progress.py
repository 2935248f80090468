"""How far an import is: its status, its phase and the rows of the phase, with a token that changes with them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.phases import BATCH_PHASES, CHECKING_PHASES, PHASES, Phase
from imports_pipeline.model.statuses import Status


@dataclass(frozen=True)
class ImportProgress:
    """How far an import is.

    Attributes:
        status: Its status.
        phase: The phase that is being done, or the last one; None if none has begun.
        rows: The number of rows of the phase that are done, if it is known.
        total: The number of rows that the phase has to do, if it is known.
        share: The part of all phases that is done, from 0 to 1; None for a revert that is under way.
    """

    status: Status
    phase: Phase | None
    rows: int | None
    total: int | None
    share: float | None

    @classmethod
    def of(cls, import_: Import, live: tuple[Phase, int] | None) -> ImportProgress:
        """Return the progress of an import.

        Args:
            import_: The import as it is recorded.
            live: The phase and the number of its rows that a process shows at the moment, if one does.
        """
        done = import_.phases
        if import_.has_ended:
            last = done[-1] if done else None
            phase = Phase(last["name"]) if last else None
            rows, total = (last["processed"], last["total"]) if last else (None, None)
            return cls(import_.status, phase, rows, total, 1.0)
        if import_.options.action is Action.REVERT:
            return cls(import_.status, None, None, None, None)
        phases = list(_phases(import_))
        names = [report["name"] for report in done]
        phase = next((one for one in phases if one.value not in names), phases[-1])
        total = done[-1]["success"] if done else None
        rows = live[1] if live is not None and live[0] is phase else None
        within = min(rows / total, 1.0) if rows and total else 0.0
        share = round((len(names) + within) / len(phases), 4)
        return cls(import_.status, None if import_.awaits_upload else phase, rows, total, min(share, 0.99))

    @property
    def token(self) -> str:
        """A text that changes whenever anything of the progress changes."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:24]

    def as_object(self, import_: Import) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "object": "progress",
            "import_id": import_.id,
            "status": self.status.value,
            "phase": self.phase.value if self.phase else None,
            "rows": self.rows,
            "total": self.total,
            "share": self.share,
            "has_ended": import_.has_ended,
            "token": self.token,
        }


def _phases(import_: Import) -> tuple[Phase, ...]:
    """Return the phases that an import has in all."""
    if import_.is_batch:
        return BATCH_PHASES
    return CHECKING_PHASES if import_.options.dry_run else PHASES
