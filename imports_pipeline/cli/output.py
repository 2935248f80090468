"""The output of commands: one JSON document, or tables for a person."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg
from rich.console import Console
from rich.table import Table

from imports_pipeline.model.files import ERRORS_CSV, ERRORS_JSON, PLAN_CSV, PLAN_JSON, RESULT_JSON, UPLOAD
from imports_pipeline.model.imports import MORE_STATS, STATS, shown_as
from imports_pipeline.model.statuses import Status

if TYPE_CHECKING:
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


def document(import_: Import, workflow: ImportWorkflow) -> dict[str, Any]:
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


def print_import(shown: dict[str, Any]) -> None:
    """Print the status, the phases, the statistics and the paths of the files of an import."""
    console = Console()
    what = f"{shown['object'].capitalize()} {shown['id']}"
    console.print(
        f"{what}: {shown['action']} {shown['resource']}s, [bold]{shown['status']}[/bold]", highlight=False
    )
    if shown["reason"]:
        console.print(shown["reason"], highlight=False, markup=False)
    if shown["phases"]:
        phases = Table("phase", "mode", *(_right(name) for name in ("total", "success", "error", "seconds")))
        for report in shown["phases"]:
            counts = (f"{report[name]:,}" for name in ("total", "success", "error"))
            seconds = f"{report['ended_at'] - report['started_at']:.2f}"
            phases.add_row(report["name"], report["mode"], *counts, seconds)
        console.print(phases)
    console.print(counted(shown["stats"]), highlight=False)
    said = _verdict_of(shown)
    print_notices(console, shown["notices"], in_verdict=bool(said))
    ignored = shown["detected"].get("ignored_columns") if "detected" in shown else shown["ignored_columns"]
    if ignored:
        console.print("Ignored columns: " + ", ".join(ignored), markup=False)
    if said:
        console.print(said, soft_wrap=True, highlight=False, markup=False)
    if shown["_plan_csv_path"]:
        console.print(f"Plan: {shown['_plan_csv_path']}", soft_wrap=True, highlight=False, markup=False)
    if shown["_errors_csv_path"]:
        console.print(f"Errors: {shown['_errors_csv_path']}", soft_wrap=True, highlight=False, markup=False)


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
    """Return the verdict of an import that ended well; empty for any other."""
    if shown["status"] != Status.COMPLETED or not shown["phases"]:
        return ""
    total, rejected = shown["phases"][0]["total"], shown["stats"].get("rejected", 0)
    return verdict(total, rejected, shown["notices"], done=not shown.get("dry_run"))


def counted(stats: Mapping[str, int]) -> str:
    """Return statistics as one line of text, in their usual order."""
    return "  ".join(f"{shown_as(name)} {stats[name]:,}" for name in (*STATS, *MORE_STATS) if name in stats)


def print_notices(console: Console, notices: Sequence[dict[str, str]], *, in_verdict: bool) -> None:
    """Print notices, one on each line, without the one that a verdict repeats if there is one (``in_verdict``)."""
    for notice in notices:
        if in_verdict and notice["code"] == _IN_VERDICT:
            continue
        console.print(f"Notice: {notice['message']}", soft_wrap=True, highlight=False, markup=False)


def line_of(source: str, import_: Import) -> str:
    """Return one line about a file: its import, the status, and the reason or the counts."""
    counts = counted({name: count for name, count in import_.stats.items() if count})
    return f"{source}: {import_.id} {import_.status} " + (import_.reason or counts)


def print_imports(shown: Sequence[dict[str, Any]]) -> None:
    """Print a table of imports."""
    table = Table("id", "resource", "action", "status", "created", "updated", "rejected", "reason")
    for one in shown:
        stats = one["stats"]
        counts = (f"{stats[name]:,}" for name in ("created", "updated", "rejected"))
        table.add_row(one["id"], one["resource"], one["action"], one["status"], *counts, one["reason"] or "")
    Console().print(table)


def _right(name: str) -> Any:
    from rich.table import Column

    return Column(name, justify="right")


@contextmanager
def progress(workflow: ImportWorkflow, import_id: str) -> Iterator[None]:
    """Show the running phase on standard error during the block, if that is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    ended = threading.Event()
    with console.status("starting") as status:

        def follow() -> None:
            while not ended.wait(0.3):
                try:
                    import_ = workflow.get(import_id)
                except psycopg.Error:
                    # The command itself reports the lost database.
                    return
                done = [f"{report['name']} {report['success']:,}" for report in import_.phases]
                status.update(" → ".join([*done, import_.status.value]))

        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        try:
            yield
        finally:
            ended.set()
            follower.join()
