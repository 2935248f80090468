"""Launches by hand: a run that somebody starts in the Launchpad with nothing but the flat config."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from dagster import DagsterInstance

from imports_pipeline.defs.runs import tags
from imports_pipeline.model.imports import Import
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records
from imports_pipeline_tests.defs.runs import CONTENT, Launch, failures, import_contacts
from imports_pipeline_tests.journeys import Imports


class TestLaunchpad:
    """A run that somebody launches by hand, with nothing but the flat config."""

    def test_registers_its_import(self, imports: Imports, instance: DagsterInstance, launch: Launch) -> None:
        config = {
            "source": str(imports.source(CONTENT)),
            "organization": imports.organization,
            "action": "merge",
            "mode": "sync",
            "name": "By hand",
        }
        result = launch("import_contacts", run_config=config)
        assert result.success
        import_ = self.of_run(imports, result)
        assert (import_.source, import_.name, import_.run_id) == ("ui", "By hand", result.run_id)
        assert imports.sound(import_).status is Status.COMPLETED
        assert imports.names() == ["Ann", "Bob"]
        record = instance.get_run_by_id(result.run_id)
        assert record is not None
        assert record.tags[tags.IMPORT_ID] == import_.id

    @pytest.mark.parametrize(
        "options",
        [
            {"location_id": "Berlin"},
            {"timeout": 0},
            {"match_on": ["shoe size"]},
            {"name": "x"},
            {"delimiter": "ab"},
            {"source": ""},
        ],
    )
    def test_a_wrong_option_fails_clearly(
        self, imports: Imports, instance: DagsterInstance, launch: Launch, options: dict[str, Any]
    ) -> None:
        config = {"source": str(imports.source(CONTENT)), "organization": imports.organization, **options}
        result = launch("import_contacts", run_config=config)
        assert not result.success
        (message,) = failures(instance, result.run_id)
        (name,) = options
        assert name in message
        assert "Traceback" not in message
        assert not instance.all_logs(result.run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY)
        assert imports.query("SELECT FROM imports WHERE organization_id = %s", imports.organization) == []

    @pytest.mark.parametrize("job", ["import_contacts", "process_contacts", "revert_import"])
    def test_without_its_file_or_import_there_is_no_run(self, launch: Launch, job: str) -> None:
        """Dagster's pages refuse such a config too, and name the missing field."""
        with pytest.raises(
            dg.DagsterInvalidConfigError, match=r"Missing required config entry \"(source|import_id)\""
        ):
            launch(job)

    def test_a_queued_import_is_written_by_hand(
        self, imports: Imports, instance: DagsterInstance, launch: Launch
    ) -> None:
        import_ = imports.check(imports.register(CONTENT))
        wrong = launch("process_groups", run_config={"import_id": import_.id})
        assert "launch the job process_contacts" in failures(instance, wrong.run_id)[0]
        assert imports.names() == []

        result = launch("process_contacts", run_config={"import_id": import_.id})
        assert result.success
        assert imports.sound(import_).status is Status.COMPLETED
        assert imports.names() == ["Ann", "Bob"]
        record = instance.get_run_by_id(result.run_id)
        assert record is not None
        assert (record.tags[tags.IMPORT_ID], record.tags[tags.STATUS]) == (import_.id, "completed")

        again = launch("process_contacts", run_config={"import_id": import_.id})
        assert f"{import_.id} is completed; only a queued" in failures(instance, again.run_id)[0]

    def test_repeated_in_full_it_is_a_new_import(
        self, imports: Imports, instance: DagsterInstance, launch: Launch
    ) -> None:
        path = imports.source("name,email\nAnn,nonsense\n")
        config = {"source": str(path), "organization": imports.organization, "mode": "sync"}
        first = launch("import_contacts", run_config=config)
        assert not first.success
        path.write_text(CONTENT)
        with dg.execute_job(
            dg.reconstructable(import_contacts),
            instance,
            reexecution_options=dg.ReexecutionOptions(parent_run_id=first.run_id),
        ) as again:
            assert again.success
        assert self.of_run(imports, first).status is Status.FAILED
        assert self.of_run(imports, again).status is Status.COMPLETED
        assert self.of_run(imports, again).id != self.of_run(imports, first).id

    @staticmethod
    def of_run(imports: Imports, result: Any) -> Import:
        with imports.workflow.database.connect() as connection:
            found = import_records.find_import_of_run(connection, [result.run_id])
        assert found is not None
        return found
