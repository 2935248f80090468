"""What the Dagster UI shows of an import: the one place where results become metadata.

Numeric keys are the same on every materialization, zero included, so that their plots tell a story.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from html import escape
from itertools import islice
from typing import Any, Final

import dagster as dg

from imports_pipeline.model.files import ERRORS_CSV, ERRORS_JSON, PLAN_CSV, PLAN_JSON
from imports_pipeline.model.imports import STATS, Import
from imports_pipeline.model.phases import PhaseResult
from imports_pipeline.phases.error_files import RejectedRow
from imports_pipeline.schemas.catalog import Resource
from imports_pipeline.schemas.check import schema
from imports_pipeline.storage.files import Folder

#: The first errors are shown in full, the rest are in the errors file.
SHOWN_ERRORS: Final = 20
_PLAN: Final = ("created", "updated", "unchanged", "deleted", "overwritten")


def of_counts(result: PhaseResult) -> dict[str, int]:
    """Give a phase's counts of rows."""
    return {
        "total": result.total,
        "processed": result.processed,
        "success": result.success,
        "error": result.error,
    }


def of_phase(result: PhaseResult) -> dict[str, Any]:
    """Give the metadata of a phase's step: its counts, and its facts as text and numbers."""
    shown: dict[str, Any] = {**of_counts(result)}
    for key, value in result.facts.items():
        shown[key] = dg.MetadataValue.json(dict(value)) if isinstance(value, Mapping) else value
    return shown


def of_batch(import_: Import, rejected: Iterable[RejectedRow], files: Folder) -> dict[str, Any]:
    """Give the metadata of a validated import: the plan, the phases, the first errors, the files."""
    plan = import_.plan or {}
    return {
        **_common(import_, files),
        "errors": _errors_table(rejected),
        **{f"plan/{name}": int(plan.get(name, 0)) for name in _PLAN},
    }


def of_records(import_: Import, row_count: int, files: Folder) -> dict[str, Any]:
    """Give the metadata of a completed import: statistics, phases, files; ``row_count`` records are stored now."""
    return {
        **_common(import_, files),
        "dagster/row_count": row_count,
        **{f"imports/{name}": int(import_.stats.get(name, 0)) for name in STATS},
    }


def of_revert(import_: Import, files: Folder) -> dict[str, Any]:
    """Give the metadata of a revert: what it restored, what it left alone, its plan."""
    return {
        **_common(import_, files),
        "reverts": import_.reverts or "",
        "reason": import_.reason or "",
        **{f"imports/{name}": int(import_.stats.get(name, 0)) for name in STATS},
    }


def column_schema(resource: Resource) -> dg.TableSchema:
    """Show the Pandera schema of a resource's rows as Dagster's column schema."""
    checked = schema(resource, [field.name for field in resource.fields])
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=str(column.dtype),
                description=column.description,
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable, other=[str(check.name) for check in column.checks]
                ),
            )
            for name, column in checked.columns.items()
        ]
    )


def _common(import_: Import, files: Folder) -> dict[str, Any]:
    reports = import_.phases
    total = reports[0]["total"] if reports else 0
    shown: dict[str, Any] = {
        "import": import_.id,
        "status": import_.status.value,
        "funnel": dg.MetadataValue.md(_funnel(reports)),
        "phases": _phases_table(reports),
        "imports/rows_total": total,
        "imports/rows_rejected": sum(report["error"] for report in reports),
        "imports/seconds": round(sum(r["ended_at"] - r["started_at"] for r in reports), 3),
    }
    if files.exists(PLAN_CSV):
        shown["plan_csv"] = dg.MetadataValue.path(files.location(PLAN_CSV))
        shown["plan_json"] = dg.MetadataValue.path(files.location(PLAN_JSON))
    if import_.has_errors_file:
        shown["errors_csv"] = dg.MetadataValue.path(files.location(ERRORS_CSV))
        shown["errors_json"] = dg.MetadataValue.path(files.location(ERRORS_JSON))
    return shown


def _phases_table(reports: Iterable[Mapping[str, Any]]) -> dg.MetadataValue:
    records = [
        dg.TableRecord(
            {
                "phase": report["name"],
                "mode": report["mode"],
                "total": report["total"],
                "success": report["success"],
                "error": report["error"],
                "seconds": round(report["ended_at"] - report["started_at"], 3),
            }
        )
        for report in reports
    ]
    return dg.MetadataValue.table(
        records,
        dg.TableSchema(
            [
                dg.TableColumn("phase", "string"),
                dg.TableColumn("mode", "string"),
                *(dg.TableColumn(name, "int") for name in ("total", "success", "error")),
                dg.TableColumn("seconds", "float"),
            ]
        ),
    )


def _errors_table(rejected: Iterable[RejectedRow]) -> dg.MetadataValue:
    names = ("line", "phase", "code", "column", "value", "message")
    records = []
    for row in islice(rejected, SHOWN_ERRORS):
        first = row.errors[0]
        cut = {key: first[key][:200] for key in ("code", "column", "value", "message")}
        records.append(dg.TableRecord({"line": row.line, "phase": row.phase, **cut}))
    columns = [dg.TableColumn(name, "int" if name == "line" else "string") for name in names]
    return dg.MetadataValue.table(records, dg.TableSchema(columns))


def _funnel(reports: Iterable[Mapping[str, Any]]) -> str:
    """Draw the rows that each phase passed on and rejected as a small picture."""
    given = list(reports)
    most = max((report["total"] for report in given), default=0) or 1
    bars = []
    for position, report in enumerate(given):
        y = 6 + position * 22
        passed, lost = 300 * report["success"] / most, 300 * report["error"] / most
        bars.append(
            f'<text x="0" y="{y + 12}">{escape(report["name"])}</text>'
            f'<rect x="100" y="{y}" width="{passed:.1f}" height="16" fill="#4F43DD"/>'
            f'<rect x="{100 + passed:.1f}" y="{y}" width="{lost:.1f}" height="16" fill="#E5484D"/>'
            f'<text x="410" y="{y + 12}">{report["success"]:,} passed, {report["error"]:,} rejected</text>'
        )
    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="{12 + 22 * len(given)}"'
        f' font-family="sans-serif" font-size="12">{"".join(bars)}</svg>'
    )
    return (
        f"![rows through the phases](data:image/svg+xml;base64,{base64.b64encode(picture.encode()).decode()})"
    )
