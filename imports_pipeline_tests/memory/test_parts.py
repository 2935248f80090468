"""A large file that several processes read in parts leaves a memory, and the next one uses it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest

from imports_pipeline.model.files import FINGERPRINTS, part
from imports_pipeline_tests.memory.test_memory import HEADER, counts, file
from imports_pipeline_tests.overwrite import Runs
from imports_pipeline_tests.workflow.test_part_executors import dask


@pytest.mark.parametrize("kind", ["processes", "dask"])
def test_a_file_that_was_read_in_parts_leaves_a_memory(runs: Runs, kind: str) -> None:
    text = file(range(500))
    with dask() if kind == "dask" else nullcontext("") as address:
        settings = replace(runs.workflow.settings, workers=2, part_bytes=len(text) // 5, dask_address=address)
        runs.workflow = replace(runs.workflow, settings=settings)
        first = runs.completed(text, action="overwrite", max_deletions=1)
        second = runs.completed(file(range(3, 501), changed=(90, 400)), action="overwrite", max_deletions=3)
        # Every record has been written since.
        runs.query(
            "UPDATE contacts SET notes = 'x' WHERE organization_id = %s RETURNING 1", runs.organization
        )
        third = runs.completed(text, action="overwrite", max_deletions=1)
        fourth = runs.completed(text, action="overwrite", max_deletions=1)
    assert runs.workflow.files(first).exists(part("rows.parquet", 3)), "it was read in parts"
    assert not runs.workflow.files(first).exists(part(FINGERPRINTS, 1))
    assert (counts(first), counts(second), second.remembered) == ((500, 0, 0, 0), (1, 2, 495, 3), 493)
    assert (counts(third), third.remembered) == ((3, 2, 495, 1), 0)
    assert (counts(fourth), fourth.remembered) == ((0, 0, 500, 0), 498)


def test_a_file_in_parts_with_a_row_that_could_be_a_header_leaves_no_memory(runs: Runs) -> None:
    # The row is below what is read to understand the columns.
    rows = 12_000
    text = file(range(rows)) + "Department,,Title\n" + file(range(rows, rows + 9)).removeprefix(HEADER)
    settings = replace(runs.workflow.settings, workers=2, part_bytes=len(text) // 5)
    runs.workflow = replace(runs.workflow, settings=settings)
    for created in (rows + 10, 0):
        done = runs.completed(text)
        assert (counts(done), done.remembered) == ((created, 0, rows + 10 - created, 0), 0)
