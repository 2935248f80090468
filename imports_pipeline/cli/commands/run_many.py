"""The command ``run`` with several files: one import after the other, in one process."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from imports_pipeline.cli.commands.imports import register
from imports_pipeline.cli.gc_pause import gc_paused
from imports_pipeline.cli.interruption import report_interruption, report_stopped
from imports_pipeline.cli.output import counted, document, status_of
from imports_pipeline.cli.progress import progress
from imports_pipeline.cli.session import session, stop
from imports_pipeline.cli.usage import check_sources, check_stored_names, checked_options, is_pattern
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.imports import STATS, Import
from imports_pipeline.model.statuses import Status
from imports_pipeline.sources.globs import matches
from imports_pipeline.workflow import signals

if TYPE_CHECKING:
    from imports_pipeline.dagster_runtime.in_process_runner import Runner
    from imports_pipeline.workflow.import_workflow import ImportWorkflow


def names_several(sources: Sequence[str]) -> bool:
    """Return True for several sources or a glob. The output is then a list, even if the glob matches one file."""
    return len(sources) > 1 or is_pattern(sources[0])


def run_imports(
    sources: Sequence[str],
    resource: str,
    given: Mapping[str, Any],
    *,
    name: str | None,
    organization: str,
    wait: bool,
    as_json: bool,
) -> None:
    """Import each file, also after one that failed; exit with 1 if any import failed.

    Print one line for each import and a summary, or a JSON list with one import on each line.
    """
    options = checked_options(resource, given, name)
    check_sources(sources)
    printed = _Printed(as_json)
    with report_interruption(), session() as workflow:
        check_stored_names(workflow.database, options, organization)
        with gc_paused():
            from imports_pipeline.dagster_runtime import in_process_runner

        in_process_runner.quiet_dagster()
        files = _files(sources)
        with in_process_runner.opened(workflow, wait=wait) as opened:
            gone: str | None = None
            for place, file in enumerate(files, 1):
                import_ = register(workflow, file, resource, options, name=name, organization=organization)
                import_, gone = _run(
                    workflow, opened, import_, f"{place:,} of {len(files):,}  {import_.name}"
                )
                printed.add(file, import_, workflow)
                if gone or signals.signal_received() is not None:
                    break
        printed.end(len(files))
        if gone:
            stop(gone, 3)
        if (number := signals.signal_received()) is not None:
            report_stopped(import_)
            raise typer.Exit(128 + number)
    if printed.failed:
        raise typer.Exit(1)


def _files(sources: Sequence[str]) -> list[str]:
    """Return the files of all sources; those of a glob are in natural order (``part-2`` before ``part-10``)."""
    try:
        return [file for source in sources for file in (matches(source) if is_pattern(source) else [source])]
    except PermanentFailure as failure:
        stop(failure.reason)


def _run(workflow: ImportWorkflow, runner: Runner, import_: Import, label: str) -> tuple[Import, str | None]:
    """Return the import as it ended, and a sentence for the user if the database does not respond any more."""
    from imports_pipeline.cli import lost_database

    try:
        with progress(label):
            return runner.run(import_), None
    except KeyboardInterrupt:
        return workflow.finalization.cancel(import_.id), None
    except lost_database.LOST:
        return lost_database.ended(workflow, import_)


class _Printed:
    """A printer of imports that keeps only counts, because there may be thousands of imports."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._statuses: Counter[Status] = Counter()
        self._stats: Counter[str] = Counter()

    @property
    def failed(self) -> int:
        """The number of imports that failed or timed out."""
        return self._statuses[Status.FAILED] + self._statuses[Status.TIMED_OUT]

    def add(self, file: str, import_: Import, workflow: ImportWorkflow) -> None:
        """Print an import that has ended or is queued."""
        if self._as_json:
            sys.stdout.write(",\n" if self._statuses else "[\n")
            sys.stdout.write(json.dumps(document(import_, workflow), ensure_ascii=False))
        else:
            what = import_.reason or counted(import_.stats)
            status = status_of(import_.as_object())
            sys.stdout.write(f"{file}: {import_.id} {status}{', ' if what else ''}{what}\n")
        sys.stdout.flush()
        self._statuses[import_.status] += 1
        self._stats.update({name: import_.stats.get(name, 0) for name in STATS})

    def end(self, files: int) -> None:
        """Close the JSON list, or print the summary; ``files`` is the number of files to import."""
        if self._as_json:
            sys.stdout.write("\n]\n")
            return
        ended = ", ".join(f"{count:,} {status.value}" for status, count in self._statuses.items())
        begun = self._statuses.total()
        left = f", {files - begun:,} not begun" if begun < files else ""
        sys.stdout.write(f"{begun:,} imports: {ended}{left}; {counted(self._stats)}\n")
