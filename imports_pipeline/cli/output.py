"""The output of commands: one JSON document, or tables for a person."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import typer

from imports_pipeline.cli.tables import Column, print_table, shown_time
from imports_pipeline.model.files import ERRORS_CSV, ERRORS_JSON, PLAN_CSV, PLAN_JSON, RESULT_JSON, UPLOAD
from imports_pipeline.model.imports import MORE_STATS, STATS, outcome_of, shown_as
from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.statuses import Status

if TYPE_CHECKING:
    from imports_pipeline.cli.installation import Installation
    from imports_pipeline.model.imports import Import
    from imports_pipeline.workflow.import_workflow import ImportWorkflow


# The files whose URLs and paths are printed: key without its ending → file in the import's folder.
_FILES: Final = {
    "_upload_csv": UPLOAD,
    "_errors_csv": ERRORS_CSV,
    "_errors_json": ERRORS_JSON,
    "_plan_csv": PLAN_CSV,
    "_plan_json": PLAN_JSON,
    "_result_json": RESULT_JSON,
}

# The notice that is part of the verdict, which is the last line that a person reads.
_IN_VERDICT: Final = "unused_columns"


def document(import_: Import, workflow: ImportWorkflow | Installation) -> dict[str, Any]:
    """Return the JSON object of an import, with the URL and the path of each file, null if there is none."""
    files = workflow.files(import_)
    shown = import_.as_batch() if import_.is_batch else import_.as_object()
    for name, file in _FILES.items():
        if import_.is_batch and file == UPLOAD:
            continue
        there = files.exists(file)
        shown[f"{name}_url"] = files.url(file) if there else None
        shown[f"{name}_path"] = files.location(file) if there else None
    return shown


def print_json(value: Any) -> None:
    """Print one JSON document on standard output."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def print_import(shown: Mapping[str, Any]) -> None:
    """Print the status, the phases, the statistics and the paths of the files of an import."""
    what = f"{shown['object'].capitalize()} {shown['id']} of the organization {shown['organization_id']}"
    status = typer.style(status_of(shown), bold=True)
    typer.echo(f"{what}: {shown['action']} {shown['resource']}s, {status}")
    who = f" by {shown['created_by']}" if shown["created_by"] else ""
    name = f"{shown['name']}, requested" if shown["name"] else "Requested"
    typer.echo(f"{name} at {shown_time(shown['created_at'])} UTC{who}")
    if shown["reverts"]:
        typer.echo(f"It reverts {shown['reverts']}.")
    if shown["reverted_by"]:
        typer.echo(f"It was reverted by {shown['reverted_by']}.")
    if shown["approves"]:
        typer.echo(f"It approves {shown['approves']}.")
    if shown["approval"]:
        typer.echo(f"It was approved; {shown['approval']} imports its file again.")
    if shown["commits"]:
        typer.echo(f"It carries out the dry run {shown['commits']}.")
    if shown["commit"]:
        typer.echo(f"{shown['commit']} carries it out.")
    if shown["corrects"]:
        typer.echo(f"It corrects rows of {shown['corrects']}.")
    if shown["rejected_by"]:
        typer.echo(f"It was rejected by {shown['rejected_by']}: {shown['rejection_reason']}")
    if shown["reason"]:
        typer.echo(shown["reason"])
    if shown["phases"]:
        counts = ("total", "success", "error")
        columns = (
            Column("phase"),
            Column("mode", rank=1),
            *(Column(name, right=True) for name in (*counts, "seconds")),
        )
        rows = (
            (
                report["name"],
                report["mode"],
                *(f"{report[name]:,}" for name in counts),
                f"{report['ended_at'] - report['started_at']:.2f}",
            )
            for report in shown["phases"]
        )
        print_table(columns, rows, heading_in_pipe=True)
    typer.echo(counted(shown["stats"]))
    said = _verdict_of(shown)
    print_notices(shown["notices"], in_verdict=bool(said))
    ignored = shown["detected"].get("ignored_columns") if "detected" in shown else shown["ignored_columns"]
    if ignored:
        typer.echo("Ignored columns: " + ", ".join(ignored))
    if said:
        typer.echo(said)
    if shown["_plan_csv_path"]:
        typer.echo(f"Plan: {shown['_plan_csv_path']}")
    if shown["_errors_csv_path"]:
        typer.echo(f"Errors: {shown['_errors_csv_path']}")


def status_of(shown: Mapping[str, Any]) -> str:
    """Return the status of an import or batch object for people, with what must not be overlooked."""
    status = outcome_of(shown["status"], shown["action"], shown["stats"])
    if shown["dry_run"]:
        status += ", dry run"
    if shown["approval"]:
        status += ", approved"
    if shown["rejected_by"]:
        status += ", rejected"
    return status + (", reverted" if shown["reverted_by"] else "")


def verdict(total: int, rejected: int, notices: Sequence[Mapping[str, str]] = (), *, done: bool) -> str:
    """Return a sentence that says how many rows of a file are imported, and which columns are not used.

    Args:
        total: The rows of the file.
        rejected: Those that are rejected.
        notices: The notices of the import; the one about unused columns is part of the verdict.
        done: Whether the rows were imported, or only would be.

    Example:
        >>> verdict(17, 11, done=False)
        '6 of 17 rows would be imported; 11 rejected.'
    """
    verb = ("was" if total == 1 else "were") if done else "would be"
    rows = "row" if total == 1 else "rows"
    parts = [f"{total - rejected:,} of {total:,} {rows} {verb} imported"]
    if rejected:
        parts.append(f"{rejected:,} rejected")
    parts += [
        message[0].lower() + message[1:].removesuffix(".")
        for message in (notice["message"] for notice in notices if notice["code"] == _IN_VERDICT)
    ]
    return f"{'; '.join(parts)}."


def _verdict_of(shown: Mapping[str, Any]) -> str:
    """Return the verdict of an import that ended well; empty for any other, and for a revert, which has no rows."""
    if shown["status"] != Status.COMPLETED or shown["action"] == Action.REVERT or not shown["phases"]:
        return ""
    total, rejected = shown["phases"][0]["total"], shown["stats"].get("rejected", 0)
    return verdict(total, rejected, shown["notices"], done=not shown.get("dry_run"))


def counted(stats: Mapping[str, int]) -> str:
    """Return statistics as one line of text, in their usual order."""
    return "  ".join(f"{shown_as(name)} {stats[name]:,}" for name in (*STATS, *MORE_STATS) if name in stats)


def print_notices(notices: Sequence[Mapping[str, str]], *, in_verdict: bool) -> None:
    """Print notices, one on each line, without the one that a verdict repeats if there is one (``in_verdict``)."""
    for notice in notices:
        if in_verdict and notice["code"] == _IN_VERDICT:
            continue
        typer.echo(f"Notice: {notice['message']}")


_LIST: Final = (
    Column("id"),
    # A terminal of fewer than 80 columns has no room for the time beside a status and a name.
    Column("time (UTC)", rank=2),
    Column("status", text=True),
    Column("name", text=True, rank=1),
    Column("action", rank=3),
    Column("resource", rank=3),
    Column("created", rank=4, right=True),
    Column("updated", rank=4, right=True),
    Column("removed", rank=4, right=True),
    Column("rejected", rank=4, right=True),
    Column("reason", rank=5, text=True, least=40),
    Column("reverted by", rank=6),
)


def print_imports(shown: Sequence[Mapping[str, Any]]) -> None:
    """Print a table of imports."""

    def row(one: Mapping[str, Any]) -> tuple[str, ...]:
        stats = one["stats"]
        removed = stats["deleted"] + stats["overwritten"]
        counts = (stats["created"], stats["updated"], removed, stats["rejected"])
        return (
            one["id"],
            shown_time(one["created_at"]),
            status_of(one),
            one["name"] or "",
            one["action"],
            one["resource"],
            *(f"{count:,}" for count in counts),
            one["reason"] or "",
            one["reverted_by"] or "",
        )

    print_table(_LIST, map(row, shown))
