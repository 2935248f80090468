"""The asset checks: evaluated by the imports themselves, always, and by hand."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from dagster import DagsterInstance

from imports_pipeline.dagster_runtime.in_process_runner import run_revert
from imports_pipeline.defs.runs import tags
from imports_pipeline.model.imports import Import
from imports_pipeline.model.statuses import Status
from imports_pipeline.workflow.revert import request_revert
from imports_pipeline_tests.defs.runs import CONTENT, of_organization, run
from imports_pipeline_tests.journeys import Imports

PEOPLE = "name,external_id\n" + "".join(f"N{k},x{k}\n" for k in range(40))
OF_BATCH = ("duplicate_rows", "rejected_rows", "unknown_columns")


@pytest.fixture(autouse=True)
def _home(dagster_home: Any) -> None:
    """Every test here runs Dagster's own jobs."""


def verdicts(instance: DagsterInstance, imports: Imports, import_: Import) -> dict[str, bool]:
    """Return what was evaluated in the runs of an import."""
    found: dict[str, bool] = {}
    for one in of_organization(instance, imports):
        if one.tags[tags.IMPORT_ID] != import_.id:
            continue
        for event in instance.all_logs(one.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
            assert event.dagster_event is not None
            data = event.dagster_event.asset_check_evaluation_data
            assert data.severity is dg.AssetCheckSeverity.WARN, "nothing stops"
            assert data.description
            # No number, because the page would plot imports of all organizations in one line.
            shown = {key: value.value for key, value in data.metadata.items()}
            assert shown == {"import": import_.id, "organization": imports.organization}
            found[data.check_name] = data.passed
    return found


@pytest.mark.parametrize(
    ("content", "options", "failing"),
    [
        (PEOPLE, {}, set()),
        (PEOPLE.replace("external_id", "External ID"), {"action": "overwrite"}, set()),
        (CONTENT, {}, {"rejected_rows"}),
        (PEOPLE + "Bad,x99,nonsense\n", {}, {"rejected_rows"}),  # one of 41 rows
        (PEOPLE + "Again,x1\n", {}, {"duplicate_rows", "rejected_rows"}),
        (PEOPLE.replace("name,external_id", "name,Shoe size"), {}, {"unknown_columns"}),
        ("name,external_id\nN0,x0\n", {"action": "overwrite", "max_deletions": 39}, {"removed_records"}),
    ],
    ids=["well", "well overwritten", "rejected", "one rejected", "duplicates", "unknown column", "removed"],
)
def test_every_import_evaluates_them_all(
    imports: Imports, instance: DagsterInstance, content: str, options: dict[str, Any], failing: set[str]
) -> None:
    imports.completed(PEOPLE)
    import_ = run(imports, imports.register(content, mode="sync", **options))
    assert import_.status is Status.COMPLETED
    found = verdicts(instance, imports, import_)
    assert sorted(found) == sorted((*OF_BATCH, "removed_records"))
    assert {name for name, passed in found.items() if not passed} == failing


def test_groups_have_their_own(imports: Imports, instance: DagsterInstance) -> None:
    import_ = run(imports, imports.register("name,resource\nA,contact\n", "group", mode="sync"))
    assert verdicts(instance, imports, import_) == dict.fromkeys((*OF_BATCH, "removed_records"), True)


def history(instance: DagsterInstance, asset: str, check: str) -> list[Any]:
    key = dg.AssetCheckKey(dg.AssetKey(asset), check)
    return list(instance.event_log_storage.get_asset_check_execution_history(key, limit=3))


class TestWhatIsNoVerdictOnTheRecords:
    """The badge of the stored records stays what it is until an import changes them."""

    @pytest.mark.parametrize(
        ("content", "options", "status"),
        [
            ("name,external_id\nN0,x0\n", {"action": "overwrite", "dry_run": True}, Status.COMPLETED),
            ("name,external_id\nN0,x0\n", {"action": "overwrite"}, Status.FAILED),
            ("address\nx\n", {}, Status.FAILED),
        ],
        ids=["dry run", "guarded", "no table"],
    )
    def test_is_left_alone(
        self,
        imports: Imports,
        instance: DagsterInstance,
        content: str,
        options: dict[str, Any],
        status: Status,
    ) -> None:
        run(imports, imports.register(PEOPLE, mode="sync"))
        before = history(instance, "contacts", "removed_records")
        of_batch = history(instance, "contact_batches", "rejected_rows")
        import_ = run(imports, imports.register(content, **options))
        assert import_.status is status
        assert history(instance, "contacts", "removed_records") == before
        if status is Status.FAILED:
            assert history(instance, "contact_batches", "rejected_rows") == of_batch

    def test_a_revert_is_a_change_of_them(self, imports: Imports, instance: DagsterInstance) -> None:
        first = run(imports, imports.register(PEOPLE, mode="sync"))
        revert = request_revert(imports.workflow, first.id, dry_run=False, source="cli", created_by=None)
        ended = run_revert(imports.workflow, revert)
        assert verdicts(instance, imports, ended) == {"removed_records": True}


def test_by_hand_they_repeat_the_last_verdict(
    imports: Imports, instance: DagsterInstance, definitions: dg.Definitions
) -> None:
    run(imports, imports.register(CONTENT, mode="sync"))
    batches, records = dg.AssetKey("contact_batches"), dg.AssetKey("contacts")
    some = [dg.AssetCheckKey(batches, "rejected_rows"), dg.AssetCheckKey(records, "removed_records")]
    every = [*(dg.AssetCheckKey(batches, name) for name in OF_BATCH), some[1]]
    wanted = {
        "rejected_rows": False,
        "duplicate_rows": True,
        "unknown_columns": True,
        "removed_records": True,
    }
    for keys in (every, some):
        job = dg.define_asset_job(
            "by_hand", selection=dg.AssetSelection.checks(*keys), executor_def=dg.in_process_executor
        )
        by_hand = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job]))
        result = by_hand.resolve_job_def("by_hand").execute_in_process(instance=instance)
        found = {one.check_name: one.passed for one in result.get_asset_check_evaluations()}
        assert found == {key.name: wanted[key.name] for key in keys}


def test_the_page_offers_to_execute_each(definitions: dg.Definitions) -> None:
    """Dagster's page offers only checks that do not need others of their op."""
    graph = definitions.resolve_asset_graph()
    for key in graph.asset_check_keys:
        assert graph.get_execution_set_asset_and_check_keys(key) == {key}
