"""Metadata: what Dagster recorded of runs and materializations, and so what its pages show."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import dagster as dg
import pytest
from dagster import DagsterInstance

from imports_pipeline.dagster_runtime.in_process_runner import run_revert
from imports_pipeline.defs.metadata import import_metadata
from imports_pipeline.defs.runs import tags
from imports_pipeline.model.imports import Import
from imports_pipeline.model.phases import CHECKING_PHASES
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records
from imports_pipeline.workflow.revert import request_revert
from imports_pipeline_tests.defs.metadata.recorded import of_steps, records
from imports_pipeline_tests.defs.runs import CONTENT, materialized, of_organization, run
from imports_pipeline_tests.journeys import Imports

#: Two bad rows, two duplicates by external id, one column that is not known: of eight rows four are left.
MIXED_BAG = (
    "name;external_id;email;Shoe size\n"
    "Ann;1;ann@example.com;38\nBob;2;bob@example.com;44\nCid;3;cid@example.com;41\nDan;4;dan@example.com;45\n"
    "Eve;5;nonsense;40\nFay;6;also nonsense;39\nGus;7;gus@example.com;43\nHal;7;hal@example.com;42\n"
)


class TestSteps:
    @pytest.fixture
    def steps(self, imports: Imports, instance: DagsterInstance) -> dict[str, dict[str, Any]]:
        import_ = run(imports, imports.register(MIXED_BAG, mode="sync"))
        assert import_.run_id is not None
        return of_steps(instance, import_.run_id)

    def test_each_shows_its_counts_and_its_rate(self, steps: dict[str, dict[str, Any]]) -> None:
        of_phase = {name: step for name, step in steps.items() if "total" in step}
        counts = {name: (step["total"], step["success"], step["error"]) for name, step in of_phase.items()}
        assert counts == {
            "prevalidation": (8, 6, 2),
            "preparsing": (6, 4, 2),
            **dict.fromkeys(("transforming", "parsing", "processing"), (4, 4, 0)),
        }
        for step in of_phase.values():
            assert step["processed"] == step["total"]
            assert step["seconds"] >= 0
            wanted = step["total"] / step["seconds"] if step["seconds"] else 0
            assert step["rows_per_second"] == pytest.approx(wanted, abs=0.1)

    def test_why_rows_were_rejected_comes_first(self, steps: dict[str, dict[str, Any]]) -> None:
        """A long event is cut in the log of a run, and people ask for this."""
        assert list(steps["prevalidation"])[:2] == ["rejected", "rejections"]
        assert list(steps["transforming"])[:2] == ["rejected", "total"]
        for name in ("validation", "cleanup"):
            first = ["rejected", "rejections", "errors_csv", "errors_json", "upload"]
            assert list(steps[name])[:5] == first, name
            assert steps[name]["rejected"] == "4 of 8 rows"
            assert [
                (row["line"], row["column"], row["code"]) for row in records(steps[name]["rejections"])
            ] == [
                (6, "email", "invalid_email"),
                (7, "email", "invalid_email"),
                (8, "external_id", "duplicate_row"),
                (9, "external_id", "duplicate_row"),
            ]
            columns = [column.name for column in steps[name]["rejections"].schema.columns]
            assert columns == ["line", "column", "value", "message", "code"]
        assert steps["cleanup"]["status"] == "completed with 4 rejected"

    def test_each_shows_its_facts(self, steps: dict[str, dict[str, Any]]) -> None:
        found = steps["prevalidation"]
        assert (found["encoding"], found["delimiter"], found["quote"]) == ("utf-8", ";", '"')
        assert (found["header_line"], found["ignored_columns"]) == (1, "Shoe size")
        assert found["ignored_column_count"] == 1
        assert {row["field"]: row["header"] for row in records(found["columns"])} == {
            "name": "name",
            "external_id": "external_id",
            "email": "email",
        }
        assert steps["preparsing"]["duplicates"] == {"external_id": 2, "email": 0}
        assert steps["preparsing"]["duplicate_handling"] == "ignore_all"
        assert (steps["transforming"]["matched"], steps["transforming"]["new"]) == (
            {"external_id": 0, "email": 0},
            4,
        )
        assert steps["validation"]["guards"] == "passed: 0 removals"
        assert steps["processing"]["created"] == 4

    def test_each_shows_its_own_rejections(self, steps: dict[str, dict[str, Any]]) -> None:
        assert steps["prevalidation"]["rejected_by_code"] == {"invalid_email": 2}
        assert [row["line"] for row in records(steps["prevalidation"]["rejections"])] == [6, 7]
        (first, second) = records(steps["preparsing"]["rejections"])
        assert (first["line"], first["code"], first["column"]) == (8, "duplicate_row", "external_id")
        assert second["message"] == "same external_id as line 8; keep one row for each external_id"
        for name in ("transforming", "parsing", "processing"):
            assert "rejections" not in steps[name]


def test_the_log_of_a_step_names_the_first_reasons(imports: Imports, instance: DagsterInstance) -> None:
    bad = "".join(f"N{k},secret {k}\n" for k in range(5))
    import_ = run(imports, imports.register(f"name,E-Mail\nAnn,\n{bad}", mode="sync"))
    assert import_.run_id is not None
    messages = [event.user_message for event in instance.all_logs(import_.run_id)]
    (message,) = [one for one in messages if " prevalidation: " in one]
    reason = "The value is no email address."
    assert message == (
        f"{import_.id} prevalidation: 1 passed on, 5 rejected."
        f" line 3, E-Mail: {reason}; line 4, E-Mail: {reason}; line 5, E-Mail: {reason} …"
    )
    assert f"{import_.id} preparsing: 1 passed on, 0 rejected" in messages


def test_how_rows_were_matched(imports: Imports, instance: DagsterInstance) -> None:
    imports.completed("name,external_id,email\nAnn,1,\nBob,2,bob@example.com\nCid,,cid@example.com\n")
    content = "name,external_id,email\nAnna,1,\nBobby,2,bob@example.com\nCyd,,CID@example.com\nDan,4,\n"
    import_ = run(imports, imports.register(content, mode="sync"))
    assert import_.run_id is not None
    shown = of_steps(instance, import_.run_id)["transforming"]
    assert (shown["matched"], shown["new"]) == ({"external_id": 2, "email": 1}, 1)


def test_columns_are_named_as_in_the_file(imports: Imports, instance: DagsterInstance) -> None:
    imports.completed("name,external_id,email\nAnn,1,ann@example.com\nBob,2,bob@example.com\n")
    content = "First Name,Last Name,Ext ID,E-Mail\nAnn,Lee,1,bob@example.com\nCid,Lee,3,\n"
    import_ = run(imports, imports.register(content, mode="sync"))
    assert import_.run_id is not None
    steps = of_steps(instance, import_.run_id)
    assert {"field": "name", "header": "First Name + Last Name"} in records(steps["prevalidation"]["columns"])
    (error,) = records(steps["transforming"]["rejections"])
    assert error["code"] == "conflicting_identity"


def test_tables_are_short_and_cut(imports: Imports, instance: DagsterInstance) -> None:
    """However large the file and its cells are, the event log stays small."""
    header = ",".join(["name", "email", *(f"unknown {'x' * 300} {k}" for k in range(200))])
    rows = "".join(f"N{k},{'nonsense' * 40}{k}{',' * 200}\n" for k in range(500))
    import_ = run(imports, imports.register(f"{header}\n{rows}Ann,{',' * 200}\n", mode="sync"))
    assert import_.run_id is not None
    found = materialized(instance, import_.run_id)
    shown = records(found["contacts"].metadata["rejections"])
    assert len(shown) == 20
    assert max(len(str(value)) for row in shown for value in row.values()) == 200
    for event in instance.all_logs(import_.run_id):
        assert len(event.to_json()) < 64 * 1024


def count_all(imports: Imports) -> int:
    with imports.workflow.database.connect() as connection:
        return import_records.count_records(connection, "contact")


class TestMaterializations:
    def test_their_numbers_are_of_all_organizations(
        self, imports: Imports, instance: DagsterInstance
    ) -> None:
        """Dagster plots the numbers of an asset in one line, whichever organization its imports are of."""
        count = count_all(imports)
        seen: dict[str, list[Any]] = {"contact_batches": [], "contacts": []}

        def collect(import_: Import) -> Import:
            for run_ in of_organization(instance, imports):
                if run_.tags[tags.IMPORT_ID] != import_.id:
                    continue
                for asset, one in materialized(instance, run_.run_id).items():
                    plotted = {
                        name: value.value
                        for name, value in one.metadata.items()
                        if isinstance(value, dg.IntMetadataValue | dg.FloatMetadataValue)
                    }
                    seen[asset].append(plotted)
            return import_

        first = collect(run(imports, imports.register(MIXED_BAG)))
        collect(run(imports, imports.register(CONTENT, action="overwrite", max_deletions=9, mode="sync")))
        collect(run(imports, imports.register(CONTENT, dry_run=True)))
        revert = request_revert(imports.workflow, first.id, dry_run=False, source="cli", created_by=None)
        collect(run_revert(imports.workflow, revert))
        assert seen["contact_batches"] == [{}, {}, {}]
        # The overwrite leaves Cid, whose row was rejected.
        stored = [count + 4, count + 3, count_all(imports)]
        assert seen["contacts"] == [{"dagster/row_count": number} for number in stored]

    def test_planned_and_done(self, imports: Imports, instance: DagsterInstance) -> None:
        imports.completed("name,external_id\nAnn,1\nBob,2\nCid,3\n")
        content = "name,external_id\nAnn,1\nBobby,2\nDan,4\nEve,\n,5\n"
        # The row of 5 is nobody's, so the removal of Cid needs an approval.
        import_ = run(imports, imports.register(content, action="overwrite", mode="sync", max_deletions=1))
        assert import_.run_id is not None
        found = materialized(instance, import_.run_id)
        wanted = {"created": 2, "updated": 1, "unchanged": 1, "deleted": 0, "overwritten": 1}
        wanted |= {"rows_total": 5, "rows_accepted": 4, "rows_rejected": 1}
        got = import_metadata.numbers_of(import_, import_.stats)
        assert {name: got[f"imports/{name}"] for name in wanted} == wanted
        table = {row["records"]: row for row in records(found["contacts"].metadata["plan"])}
        assert (table["removed"]["planned"], table["removed"]["done"]) == (1, "1")
        assert table["scope"]["planned"] == 3
        before = {row["records"]: row for row in records(found["contact_batches"].metadata["plan"])}
        assert before["removed"]["done"] == "", "nothing is done yet"
        assert found["contact_batches"].metadata["guards"].value == "passed: 1 removals, approved up to 1"

    def test_files_are_linked(self, imports: Imports, instance: DagsterInstance) -> None:
        import_ = run(imports, imports.register(CONTENT, mode="sync"))
        assert import_.run_id is not None
        for one in materialized(instance, import_.run_id).values():
            for name, content in (("upload", CONTENT), ("errors_csv", imports.errors_file(import_))):
                link = one.metadata[name]
                assert isinstance(link, dg.PathMetadataValue)
                with open(str(link.value), newline="") as file:
                    assert file.read() == content

    def test_the_funnel_names_the_codes(self, imports: Imports, instance: DagsterInstance) -> None:
        import_ = run(imports, imports.register(MIXED_BAG, mode="sync"))
        assert import_.run_id is not None
        markdown = str(materialized(instance, import_.run_id)["contacts"].metadata["funnel"].value)
        (encoded,) = re.findall(r"!\[.*\]\(data:image/svg\+xml,([^) ]*)\)", markdown)
        texts = list(ElementTree.fromstring(unquote(encoded)).itertext())
        assert texts[:6] == [
            *("prevalidation", "6 passed on, 2 rejected", "2 × invalid_email"),
            *("preparsing", "4 passed on, 2 rejected", "2 × duplicate_row"),
        ]
        assert texts[-2:] == ["cleanup", "4 passed on, 0 rejected"]


class TestPlans:
    """A dry run and a revert show what would happen, record by record."""

    def test_of_a_dry_run(self, imports: Imports, instance: DagsterInstance) -> None:
        imports.completed("name,external_id\nAnn,1\nBob,2\n")
        content = "name,external_id\nAnna,1\n" + "".join(f"N{k},x{k}\n" for k in range(30))
        import_ = run(imports, imports.register(content, action="overwrite", dry_run=True))
        assert import_.run_id is not None
        found = materialized(instance, import_.run_id)
        assert list(found) == ["contact_batches"], "nothing is stored"
        lines = records(found["contact_batches"].metadata["plan_lines"])
        assert len(lines) == 20
        assert (lines[0]["operation"], lines[0]["name"], lines[0]["line"]) == ("removed", "Bob", "")
        assert (lines[1]["operation"], lines[1]["name"], lines[1]["line"]) == ("created", "N0", "3")
        removals = records(found["contact_batches"].metadata["removals"])
        assert [(row["name"], row["external_id"]) for row in removals] == [("Bob", "2")]
        assert found["contact_batches"].metadata["reason"].value == "Dry run: nothing was written."
        assert found["contact_batches"].metadata["guards"].value == "passed: 1 of 2 records would go"

    def test_of_a_dry_run_that_would_fail(self, imports: Imports, instance: DagsterInstance) -> None:
        imports.completed("name,external_id\n" + "".join(f"N{k},x{k}\n" for k in range(30)))
        import_ = run(imports, imports.register("name\nAnn\n", action="overwrite", dry_run=True))
        assert import_.run_id is not None
        shown = materialized(instance, import_.run_id)["contact_batches"].metadata
        assert "would remove 30 of 30" in str(shown["guards"].value)

    @pytest.mark.parametrize("dry_run", [True, False])
    def test_of_a_revert(self, imports: Imports, instance: DagsterInstance, dry_run: bool) -> None:
        import_ = run(imports, imports.register("name,external_id\nAnn,1\nBob,2\n", mode="sync"))
        revert = request_revert(imports.workflow, import_.id, dry_run=dry_run, source="cli", created_by=None)
        ended = run_revert(imports.workflow, revert)
        assert ended.status is Status.COMPLETED
        assert ended.run_id is not None
        step = of_steps(instance, ended.run_id)["reverting"]
        assert [row["operation"] for row in records(step["plan_lines"])] == ["deleted", "deleted"]
        found = materialized(instance, ended.run_id)
        assert list(found) == ([] if dry_run else ["contacts"])
        if not dry_run:
            plan = {row["records"]: row["done"] for row in records(found["contacts"].metadata["plan"])}
            assert plan["deleted"] == "2"
            assert found["contacts"].metadata["reverts"].value == import_.id
        assert import_.run_id is not None
        of = instance.get_run_by_id(import_.run_id)
        assert of is not None
        assert of.tags[tags.STATUS] == ("completed" if dry_run else "reverted")


def test_notices_are_shown_on_the_step_and_the_asset(imports: Imports, instance: DagsterInstance) -> None:
    import_ = run(
        imports, imports.register("name,Box\nAnn,ann@example.com\nBob,bob@example.com\n", mode="sync")
    )
    assert import_.run_id is not None
    step = of_steps(instance, import_.run_id)["prevalidation"]
    asset = materialized(instance, import_.run_id)["contact_batches"]
    for notices in (step["notices"], asset.metadata["notices"].value):
        (notice,) = [row for row in records(notices) if row["code"] == "unused_columns"]
        assert "`Box` (email addresses: give column_mapping email=Box)" in notice["message"]


def test_a_failed_import_shows_why(imports: Imports, instance: DagsterInstance) -> None:
    imports.completed("name,external_id\n" + "".join(f"N{k},x{k}\n" for k in range(30)))
    import_ = run(imports, imports.register("name,email\nAnn,\nBob,nonsense\n", action="overwrite"))
    assert import_.status is Status.FAILED
    assert import_.run_id is not None
    (event,) = instance.all_logs(import_.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    assert event.dagster_event is not None
    data = event.dagster_event.step_failure_data.user_failure_data
    assert data is not None
    shown = {name: value.value for name, value in data.metadata.items()}
    assert (shown["status"], shown["reason"]) == ("failed", import_.reason)
    assert [row["line"] for row in records(shown["rejections"])] == [3]
    assert {row["records"]: row["planned"] for row in records(shown["plan"])}["removed"] == 30
    assert [row["name"] for row in records(shown["removals"])] == sorted(f"N{k}" for k in range(30))[:20]
    assert len(records(shown["plan_lines"])) == 20
    assert [row["code"] for row in records(shown["notices"])] == ["rows_without_keys"]
    assert [row["phase"] for row in records(shown["phases"])] == list(CHECKING_PHASES)
    assert "errors_csv" in shown
