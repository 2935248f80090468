"""Reads the recorded reports of an import's phases, and explains why no row is left after a phase."""

from __future__ import annotations

from collections import Counter
from typing import Any

from imports_pipeline.import_phases.files import rejections
from imports_pipeline.model.files import Files
from imports_pipeline.model.imports import Import
from imports_pipeline.model.notices import Notice
from imports_pipeline.model.phases import CHECKING_PHASES, Phase, PhaseResult


def no_valid_row(import_: Import, files: Files, result: PhaseResult) -> str:
    """Return the reason why no row is left after a phase, and what to do about it."""
    phase = result.phase
    if phase is Phase.PREVALIDATION and result.total == 0:
        return "The file has a header and no row; nothing was changed. Upload a file with rows."
    codes: Counter[str] = Counter()
    for one in CHECKING_PHASES[: CHECKING_PHASES.index(phase) + 1]:
        counted = rejections.read(files, one)["code"].value_counts()
        codes.update(dict(zip(*(column.to_pylist() for column in counted.flatten()), strict=True)))
    most = ", ".join(f"{count:,} × {code}" for code, count in codes.most_common(3))
    if import_.is_batch:
        return (
            f"No item of the batch can be applied ({most}); nothing was changed."
            " Correct the items as the errors file says and send them again."
        )
    return (
        f"No row of the file can be imported ({most}); nothing was changed."
        " Correct the rows in the errors file and upload it again."
    )


def report_of(import_: Import, phase: Phase) -> dict[str, Any] | None:
    """Return the report of a phase, or None if the phase is not done."""
    return next((report for report in import_.phases if report["name"] == phase.value), None)


def passed_on(import_: Import) -> int | None:
    """Return the number of rows that the phase before passed on, or None if no phase is done."""
    return import_.phases[-1]["success"] if import_.phases else None


def written(import_: Import, phase: Phase) -> PhaseResult:
    """Return the result of processing or cleanup of a completed import."""
    report = report_of(import_, phase)
    assert report is not None, "a completed import has the reports of all its phases"
    names = ("overwritten",) if phase is Phase.CLEANUP else ("created", "updated", "unchanged", "deleted")
    return PhaseResult(
        phase, report["total"], report["error"], {name: import_.stats.get(name, 0) for name in names}
    )


def notices(import_: Import, phase: Phase) -> tuple[Notice, ...]:
    """Return the notices of a phase that is done."""
    return tuple(
        Notice(one["code"], one["message"]) for one in import_.notices if one["phase"] == phase.value
    )


def cause_of_removals(import_: Import) -> str:
    """Return why an overwrite may remove records that its file contains: rows without keys that become new records."""
    return " ".join(one["message"] for one in import_.notices if one["code"] == "rows_without_keys")


def facts(import_: Import, phase: Phase) -> dict[str, Any]:
    """Return the facts of a checking phase that is done."""
    if phase is Phase.PREVALIDATION:
        return {"detected": import_.detected}
    return {"plan": import_.plan} if phase is Phase.VALIDATION else {}
