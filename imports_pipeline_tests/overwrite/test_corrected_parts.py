"""Corrected rows of an upload that was joined from part files."""

from __future__ import annotations

from pathlib import Path

from imports_pipeline.import_phases.limits import Limits
from imports_pipeline.workflow.decisions.corrections import Corrections, request_corrections
from imports_pipeline_tests.overwrite import Runs


def test_a_corrected_row_of_more_lines_moves_the_parts_below_it(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "part-1.csv").write_text("name,email\nAnn,nonsense\nBob,b@example.com\n")
    (tmp_path / "part-2.csv").write_text("name,email\nCid,c@example.com\nBad,nonsense\n")
    planned = runs.run(tmp_path / "part-*.csv", parts=True, dry_run=True)
    assert sorted(runs.codes(planned)) == [2, 5]
    corrections = Corrections({2: {"name": "Ann\nof Oslo", "email": "a@example.com"}})
    workflow = runs.workflow
    with workflow.database.connect() as connection, connection.transaction():
        limits = Limits.of(workflow.settings)
        mended = request_corrections(
            connection, workflow.store, planned, corrections, limits, source="cli", created_by=None
        )
    mended = runs.finish(mended)
    (row,) = runs.errors(mended)
    assert (row["file"][-10:], row["file_line"], row["line"]) == ("part-2.csv", 3, 6)
    first, second = mended.detected["parts"]
    assert (first["lines"], second["first_line"], second["lines"]) == (4, 5, 2)
