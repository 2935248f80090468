"""A large file is copied into the folder of its import while a command still loads what the phases need."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from pathlib import Path

import pytest

from imports_pipeline.model.files import UPLOAD
from imports_pipeline.model.statuses import Status
from imports_pipeline.workflow.early_fetch import fetched_meanwhile
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.journeys import Imports

ROWS = 35_000
TEXT = "name,email\n" + "".join(f"{'Ann ' * 60}{n},ann{n}@example.com\n" for n in range(ROWS))


@pytest.fixture
def imports(workflow: ImportWorkflow, organization: str, tmp_path: Path) -> Imports:
    return Imports(workflow, organization, tmp_path)


def test_the_import_is_that_of_the_file_as_it_was_copied(imports: Imports) -> None:
    source = imports.source(TEXT)
    import_ = imports.register(source)
    with fetched_meanwhile(imports.workflow, import_):
        pass
    source.write_text("name,email\nAnother,another@example.com\n")
    done = imports.finish(import_)
    assert (done.status, done.stats["created"]) == (Status.COMPLETED, ROWS)
    assert done.checksum == hashlib.sha256(TEXT.encode()).hexdigest()


@pytest.mark.parametrize(("text", "options"), [("name\nAnn\n", {}), (TEXT, {"mode": "sync"})])
def test_a_small_file_or_one_that_must_be_small_is_copied_by_its_first_phase(
    imports: Imports, text: str, options: dict[str, str]
) -> None:
    import_ = imports.register(text, **options)
    with fetched_meanwhile(imports.workflow, import_):
        pass
    assert not imports.workflow.files(import_).exists(UPLOAD)


def test_after_an_error_of_the_block_nothing_is_copied(imports: Imports) -> None:
    def slow_clock() -> float:
        # It is asked before the copy begins, which is after the error then.
        time.sleep(0.5)
        return time.time()

    import_ = imports.register(TEXT)
    slow = replace(imports.workflow, clock=slow_clock)
    with pytest.raises(KeyboardInterrupt), fetched_meanwhile(slow, import_):
        raise KeyboardInterrupt
    assert not imports.workflow.files(import_).exists(UPLOAD)
    assert imports.finish(import_).stats["created"] == ROWS
