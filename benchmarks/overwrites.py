"""The cost of the safety of an overwrite, as ratios in one run: dry run, pre-images, undo.

Runs the phases directly (no Dagster) on the embedded PostgreSQL in a folder of its own. `BENCH_ROWS` contacts
(100,000) and `BENCH_REPEAT` rounds (3); prints medians.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import contacts
from imports_pipeline.batch_phases import pre_images
from imports_pipeline.database.connections import Database
from imports_pipeline.database.migrations import migrate
from imports_pipeline.database.server_url import database
from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.model.options import Options
from imports_pipeline.model.phases import CHECKING_PHASES
from imports_pipeline.registry import import_records
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline.workflow.revert import request_revert, run_revert

ROWS = contacts.count_of(os.environ.get("BENCH_ROWS", "100000"))
REPEAT = int(os.environ.get("BENCH_REPEAT", "3"))


def write_contacts(path: Path, primary: str) -> None:
    """Write ROWS contacts of ten columns; two files differ in `is_primary` of every row."""
    with path.open("w") as file:
        file.write(
            "name,email,phone,address,external_id,notes,is_primary,id_number,metadata.unit,alternate_emails.work\n"
        )
        for i in range(ROWS):
            file.write(
                f"First{i} Last{i % 9973},user{i}@mail{i % 37}.example-{i % 11}.com,+1202{2_000_000 + i % 7_999_999},"
                f'"{i} Main Street, Springfield",E-{i:08d},some notes about person {i},{primary},ID{i:09d},'
                f"unit {i % 50},work{i}@corp{i % 23}.com\n"
            )


def run(workflow: ImportWorkflow, path: Path, **options: object) -> tuple[str, float]:
    """Import a file and return the import's id and the seconds it took."""
    with workflow.database.connect() as connection:
        import_ = import_records.create_import(
            connection,
            organization_id="bench",
            resource="contact",
            options=Options.of(options),
            source="cli",
            source_uri=str(path),
        )
    started = time.perf_counter()
    for phase in CHECKING_PHASES:
        workflow.check(import_.id, phase)
    if not options.get("dry_run"):
        workflow.write(import_.id)
    return import_.id, time.perf_counter() - started


def timed(function: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def main() -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as folder, database(Path(folder), {}) as url:
        migrate(url)
        workflow = ImportWorkflow(Database(url), LocalStore(Path(folder) / "files"), Settings(Path(folder)))
        files = [Path(folder) / "yes.csv", Path(folder) / "no.csv"]
        for path, primary in zip(files, ("true", "false"), strict=True):
            write_contacts(path, primary)
        create = run(workflow, files[0], action="merge")[1]
        seconds: dict[str, list[float]] = {
            name: [] for name in ("dry run", "overwrite", "revert", "no pre-images")
        }
        keep = pre_images.keep_updated
        for _ in range(REPEAT):
            seconds["dry run"].append(run(workflow, files[1], action="overwrite", dry_run=True)[1])
            overwritten, took = run(workflow, files[1], action="overwrite")
            seconds["overwrite"].append(took)
            revert = request_revert(workflow, overwritten, dry_run=False, source="cli", created_by=None)
            seconds["revert"].append(timed(lambda revert=revert: run_revert(workflow, revert.id)))
            pre_images.keep_updated = lambda *_: None
            seconds["no pre-images"].append(run(workflow, files[1], action="overwrite")[1])
            pre_images.keep_updated = keep
            run(workflow, files[0], action="overwrite")
    median = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"{ROWS:,} contacts, every one updated; medians of {REPEAT}; create all {create:.2f} s")
    print(f"{'case':<16}{'seconds':>9}{'min':>8}{'max':>8}{'of overwrite':>14}")
    for name, values in seconds.items():
        share = median[name] / median["overwrite"]
        print(f"{name:<16}{median[name]:>9.2f}{min(values):>8.2f}{max(values):>8.2f}{share:>14.2f}")


if __name__ == "__main__":
    main()
