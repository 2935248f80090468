"""Run tags: the index of Dagster's Runs page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from dagster import DagsterInstance

from imports_pipeline.defs.runs import tags
from imports_pipeline.model.import_names import name_of_file
from imports_pipeline_tests.defs.runs import CONTENT, Launch, of_organization, run
from imports_pipeline_tests.journeys import Imports


class TestTags:
    """The Runs page is an index of imports."""

    def test_a_run_says_how_its_import_ended(self, imports: Imports, instance: DagsterInstance) -> None:
        import_ = run(imports, imports.register(CONTENT, action="overwrite"))
        (one,) = of_organization(instance, imports)
        shown = {name: one.tags[name] for name in one.tags if not name.startswith(("dagster/", ".dagster/"))}
        assert shown == {
            tags.FILE: name_of_file(import_.source_uri),
            tags.ORG: imports.organization,
            tags.REJECTED: "1",
            tags.STATUS: "completed",
        }
        # As of a run of Dagster's daemon: the timeline and the history of the job look for runs by it.
        assert one.remote_job_origin is not None
        assert one.remote_job_origin.repository_origin.get_label() == "__repository__@imports_pipeline"
        assert {name: one.tags[name] for name in one.tags if name.startswith(".dagster/imports_")} == {
            tags.IMPORT_ID: import_.id,
            tags.ORGANIZATION: imports.organization,
            tags.SIZE: "small",
            tags.IN_PROCESS: "true",
            tags.WRITE_LOCK: f"{imports.organization}/contact",
        }

    def test_what_stands_for_the_name_of_a_file(self, imports: Imports) -> None:
        import_ = replace(imports.register(CONTENT), source_uri="s3://lists/people.csv", name="Weekly people")
        assert tags.of(import_)[tags.FILE] == "people.csv"
        assert tags.of(replace(import_, source_uri=None))[tags.FILE] == "Weekly people"
        assert tags.of(replace(import_, source_uri=None, name=None))[tags.FILE] == import_.id
        assert tags.of(replace(import_, reverts="imp_1"))[tags.FILE] == "revert of imp_1"

    def test_a_run_that_is_repeated_without_rejected_rows(
        self, imports: Imports, instance: DagsterInstance
    ) -> None:
        """It begins with the tags of the run that it repeats."""
        import_ = run(imports, imports.register(CONTENT, mode="sync"))
        corrected = replace(import_, stats={**import_.stats, "rejected": 0})
        tags.show_status(instance, corrected)
        (one,) = of_organization(instance, imports)
        assert one.tags[tags.REJECTED] == "0"

    @pytest.mark.parametrize(
        ("content", "options", "status"),
        [
            (CONTENT, {"dry_run": True}, "completed"),
            ("address\nx\n", {}, "failed"),
            (CONTENT, {"timeout": 1}, "timed_out"),
        ],
        ids=["dry run", "no table of contacts", "too slow"],
    )
    def test_the_final_status_is_there(
        self,
        imports: Imports,
        instance: DagsterInstance,
        content: str,
        options: dict[str, Any],
        status: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        if status == "timed_out":
            monkeypatch.setattr("imports_pipeline.workflow.phase_runner.prevalidate", _for_ever)
        import_ = run(imports, imports.register(content, **options))
        assert import_.status.value == status
        (one,) = of_organization(instance, imports)
        assert one.tags[tags.STATUS] == status

    def test_of_an_import_that_had_ended(
        self, imports: Imports, instance: DagsterInstance, launch: Launch
    ) -> None:
        """A run that comes too late says so, and how the import ended."""
        import_ = imports.check(imports.register(CONTENT))
        imports.workflow.finalization.fail(
            import_.id, "canceled", "Canceled; nothing was written. Import again."
        )
        assert not launch(
            "process_contacts", run_config={"import_id": import_.id}, tags=tags.of_write(import_)
        ).success
        (one,) = of_organization(instance, imports)
        assert one.tags[tags.STATUS] == "failed"


def _for_ever(*_: Any, checkpoint: Any, **__: Any) -> None:
    while True:
        checkpoint()
