"""Run tags: the index of Dagster's Runs page."""

from __future__ import annotations

from typing import Any

import pytest
from dagster import DagsterInstance

from imports_pipeline.defs.runs import tags
from imports_pipeline_tests.defs.runs import CONTENT, Launch, of_organization, run
from imports_pipeline_tests.journeys import Imports


class TestTags:
    """The Runs page is an index of imports."""

    def test_both_runs_of_an_import_say_how_it_ended(
        self, imports: Imports, instance: DagsterInstance
    ) -> None:
        import_ = run(imports, imports.register(CONTENT, action="overwrite"))
        found = of_organization(instance, imports)
        assert len(found) == 2
        for one in found:
            assert {name: one.tags[name] for name in one.tags if name.startswith("imports/")} | {
                tags.WRITE_LOCK: ""
            } == {
                tags.IMPORT_ID: import_.id,
                tags.ORGANIZATION: imports.organization,
                tags.RESOURCE: "contact",
                "imports/size": "small",
                tags.ACTION: "overwrite",
                tags.MODE: "mixed",
                tags.SOURCE: "cli",
                tags.STATUS: "completed",
                tags.WRITE_LOCK: "",
            }

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
