"""The metadata that the Dagster UI shows for an import. Only this module turns results into metadata.

Dagster shows metadata in the order of its keys, and cuts a long event in the log of a run. What a person looks for
comes first: why rows were rejected, and the links to the files.

Dagster plots every number of a materialization over time. Imports of all organizations materialize the assets of a
resource, so these have only numbers of all organizations, and the numbers of one import are text or in tables. The
assets of one sync or upload folder (``defs/arrivals``) have the numbers of ``numbers_of``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

from imports_pipeline.defs.metadata import funnel_svg, metadata_tables
from imports_pipeline.filestore.stores import Folder
from imports_pipeline.import_phases.files import rejections
from imports_pipeline.model.errors import ROW_CODES
from imports_pipeline.model.files import (
    ERRORS_CSV,
    ERRORS_JSON,
    PLAN_CSV,
    PLAN_JSON,
    REMOVALS,
    RESULT_JSON,
    UPLOAD,
)
from imports_pipeline.model.imports import STATS, Import, shown_as
from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.phases import CHECKING_PHASES, Phase, PhaseResult
from imports_pipeline.reading.passed_over import in_words

# The number of rejected rows that the log of a step names.
_NAMED_REASONS: Final = 3
# The counts of changed records, in the plan and in the result.
_DONE: Final = tuple(name for name in STATS if name != "rejected")
_SHOWN_FILES: Final = {
    "errors_csv": ERRORS_CSV,
    "errors_json": ERRORS_JSON,
    "upload": UPLOAD,
    "plan_csv": PLAN_CSV,
    "plan_json": PLAN_JSON,
    "result_json": RESULT_JSON,
}
# The phases that reject a row only because another row stands for the same record.
_FINDING_DUPLICATES: Final = (Phase.PREPARSING, Phase.PARSING)


def of_phase(import_: Import, result: PhaseResult, files: Folder) -> dict[str, Any]:
    """Return the metadata of a phase's step: its first rejected rows, counts, seconds, rate, and facts."""
    report = next((one for one in import_.phases if one["name"] == result.phase), None)
    spent = metadata_tables.seconds(report) if report else 0.0
    shown: dict[str, Any] = {"rejected": _rejected(result.error, result.total)}
    if result.error and result.phase in CHECKING_PHASES:
        shown["rejections"] = metadata_tables.rejected_rows(files, [result.phase])
        shown["rejected_by_code"] = dg.MetadataValue.json(rejections.codes(files, result.phase))
    if result.notices:
        shown["notices"] = metadata_tables.notices(import_.notices)
    return {
        **shown,
        "total": result.total,
        "processed": result.processed,
        "success": result.success,
        "error": result.error,
        "seconds": spent,
        "rows_per_second": metadata_tables.rate(result.total, spent),
        **_facts(result.facts),
    }


def first_reasons(result: PhaseResult, files: Folder) -> str:
    """Return why a phase rejected its first rows, by line, for the log. It contains no value of the file."""
    if not result.error or result.phase not in CHECKING_PHASES:
        return ""
    first = rejections.first(files, result.phase, _NAMED_REASONS)
    named = "; ".join(
        f"line {one['line']}, {one['column'] or 'row'}: {ROW_CODES[one['code']]}" for one in first
    )
    return f". {named}" + (" …" if result.error > len(first) else "")


def _rejected(count: int, total: int) -> str:
    return f"{count:,} of {total:,} rows"


def _facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, value in facts.items():
        if name == "detected":
            shown.update(_detected(value))
        elif name not in ("plan", "staged", "options"):
            shown[name] = dg.MetadataValue.json(dict(value)) if isinstance(value, Mapping) else value
    return shown


def _detected(detected: Mapping[str, Any]) -> dict[str, Any]:
    """Return the detected properties of the file. An invisible delimiter or quote is shown by its name."""
    invisible = {"\t": "tab", " ": "space", "": "none"}
    shown: dict[str, Any] = {
        # Dagster accepts lists, but not tuples.
        name: invisible.get(value, str(value))
        if isinstance(value, str)
        else list(value)
        if isinstance(value, tuple)
        else value
        for name, value in detected.items()
        if name not in ("columns", "ignored_columns", "passed_over")
    }
    ignored = detected.get("ignored_columns", [])
    shown["columns"] = metadata_tables.mapping(detected.get("columns", {}))
    shown["ignored_columns"] = metadata_tables.listed(ignored) or "none"
    shown["ignored_column_count"] = len(ignored)
    shown["passed_over"] = in_words(detected.get("passed_over", [])) or "none"
    return shown


def of_batch(import_: Import, files: Folder) -> dict[str, Any]:
    """Return the metadata of a validated import: rejected rows, files, plan, result of the guards and phases."""
    return {
        **_first(import_, files),
        "guards": _verdict(import_),
        "plan": _plan(import_),
        **_last(import_, files),
    }


def of_records(import_: Import, row_count: int, files: Folder) -> dict[str, Any]:
    """Return the metadata of a completed import or revert.

    Args:
        row_count: the number of stored records of all organizations.
    """
    return {
        **_first(import_, files),
        "plan": _plan(import_),
        "dagster/row_count": row_count,
        **_last(import_, files),
    }


def of_failure(import_: Import, files: Folder) -> dict[str, Any]:
    """Return the metadata of a failed step: the reason, and the files and tables that explain it."""
    return {
        **_first(import_, files),
        **({"plan": _plan(import_)} if import_.plan else {}),
        **_last(import_, files),
    }


def of_arrival(import_: Import) -> dict[str, Any]:
    """Return the metadata of a sync or an upload folder, all of whose imports have the same numbers."""
    return {
        "import": import_.id,
        "status": import_.outcome,
        "name": import_.name or "",
        **numbers_of(import_, import_.stats),
    }


def numbers_of(import_: Import, done: Mapping[str, int]) -> dict[str, int | float]:
    """Return the numbers for plots, zeros included, so that these have no gaps; ``done`` is the plan or the result."""
    reports = import_.phases
    total = reports[0]["total"] if reports else 0
    rejected = sum(report["error"] for report in reports)
    spent = round(sum(metadata_tables.seconds(report) for report in reports), 3)
    return {
        "imports/rows_total": total,
        "imports/rows_accepted": total - rejected,
        "imports/rows_rejected": rejected,
        "imports/duplicates": duplicates_of(import_),
        "imports/ignored_columns": len(import_.detected.get("ignored_columns", ())),
        **{f"imports/{name}": int(done.get(name, 0)) for name in _DONE},
        "imports/seconds": spent,
        "imports/rows_per_second": metadata_tables.rate(total, spent),
    }


def duplicates_of(import_: Import) -> int:
    """Count the rows that were rejected because another row of the file stands for the same record."""
    return sum(report["error"] for report in import_.phases if report["name"] in _FINDING_DUPLICATES)


def _first(import_: Import, files: Folder) -> dict[str, Any]:
    """Return what a person looks for: the reason, the rejected rows with the links to all of them, and the import."""
    reports = import_.phases
    rejected, total = sum(report["error"] for report in reports), reports[0]["total"] if reports else 0
    shown: dict[str, Any] = {"reason": import_.reason} if import_.reason else {}
    if import_.options.action is not Action.REVERT:
        shown["rejected"] = _rejected(rejected, total)
    if rejecting := _rejecting(import_):
        shown["rejections"] = metadata_tables.rejected_rows(files, rejecting)
    return shown | _files(files) | _about(import_)


def _about(import_: Import) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "import": import_.id,
        "status": import_.outcome,
        "action": import_.options.action.value,
        "dry_run": import_.options.dry_run,
        "organization": import_.organization_id,
        "source": import_.source,
    }
    optional = {"name": import_.name, "reverts": import_.reverts, "reverted_by": import_.reverted_by}
    shown |= {key: value for key, value in optional.items() if value}
    if import_.notices:
        shown["notices"] = metadata_tables.notices(import_.notices)
    return shown


def _rejecting(import_: Import) -> list[Phase]:
    """Return the phases with rejected rows. A revert has none: the records that it leaves alone are not rows."""
    if import_.options.action is Action.REVERT:
        return []
    return [Phase(report["name"]) for report in import_.phases if report["error"]]


def _funnel(import_: Import, files: Folder) -> dg.MetadataValue[Any]:
    codes = {phase.value: rejections.codes(files, phase) for phase in _rejecting(import_)}
    return dg.MetadataValue.md(funnel_svg.funnel(import_.phases, codes, import_.remembered))


def _last(import_: Import, files: Folder) -> dict[str, Any]:
    """Return how the rows went through the phases, and the first lines of what was planned."""
    shown: dict[str, Any] = {
        "funnel": _funnel(import_, files),
        "phases": metadata_tables.phases(import_.phases),
    }
    if files.exists(REMOVALS):
        shown["removals"] = metadata_tables.removals(files)
    if files.exists(PLAN_JSON):
        shown["plan_lines"] = metadata_tables.plan_lines(files)
    return shown


def _plan(import_: Import) -> dg.TableMetadataValue:
    """Return a table with plan and result side by side. The result is empty for a dry run, and before the write."""
    plan, done = import_.plan or {}, import_.stats if import_.written_at else {}
    names = [*_DONE, *(name for name in plan if name not in _DONE)]
    columns = {"records": "string", "planned": "int", "done": "string"}
    return metadata_tables.table(
        columns,
        ((shown_as(name), int(plan.get(name, 0)), done.get(name, "")) for name in names),
    )


def _verdict(import_: Import) -> str:
    """Return the result of the guards. An import that a guard stops has failed and does not reach this function."""
    options, plan = import_.options, import_.plan or {}
    if options.dry_run and "would fail" in (import_.reason or ""):
        return str(import_.reason)
    removed = plan.get("overwritten", 0) if options.action is Action.OVERWRITE else plan.get("deleted", 0)
    if options.max_deletions is not None:
        return f"passed: {removed:,} removals, approved up to {options.max_deletions:,}"
    if options.action is Action.OVERWRITE:
        return f"passed: {removed:,} of {plan.get('scope', 0):,} records would go"
    return f"passed: {removed:,} removals"


def _files(files: Folder) -> dict[str, dg.MetadataValue[Any]]:
    """Return links to the existing files: a URL if a browser can open it, else a path."""
    return {key: _link(files, name) for key, name in _SHOWN_FILES.items() if files.exists(name)}


def _link(files: Folder, name: str) -> dg.MetadataValue[Any]:
    url = files.url(name)
    return (
        dg.MetadataValue.url(url)
        if url.startswith(("http://", "https://"))
        else dg.MetadataValue.path(files.location(name))
    )
