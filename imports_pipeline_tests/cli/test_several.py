"""`imports-pipeline run` with several files: each is an import and a recorded run of its own."""

from __future__ import annotations

from dagster import DagsterInstance, RunsFilter

from imports_pipeline_tests.cli.test_commands import Shell, shell
from imports_pipeline_tests.journeys import Imports

__all__ = ["shell"]

MERGE = ("--resource", "contact", "--action", "merge")


def _write(shell: Shell) -> None:
    """Write three files of one row and, among them, one that is no table."""
    for number, name in ((1, "Ann"), (2, "Bob"), (10, "Cid")):
        (shell.folder / f"part-{number}.csv").write_text(f"name\n{name}\n")
    (shell.folder / "part-3.csv").write_text("")


def test_each_file_is_an_import_and_a_failed_one_stops_nothing(
    shell: Shell, imports: Imports, instance: DagsterInstance
) -> None:
    _write(shell)
    done = shell("run", "part-*.csv", *MERGE, "--json")
    assert (done.code, done.err) == (1, "")
    shown = done.document()
    assert [one["status"] for one in shown] == ["completed", "completed", "failed", "completed"]
    assert [one["code"] for one in shown] == [None, None, "empty_file", None]
    assert sorted(imports.names()) == ["Ann", "Bob", "Cid"]
    for one in shown:
        runs = instance.get_runs(RunsFilter(tags={".dagster/imports_id": one["id"]}))
        assert [(run.run_id, run.is_finished) for run in runs] == [(one["run_id"], True)]
        if one["status"] == "completed":
            imports.sound(imports.workflow.get(one["id"]))
    # An import to a line, for what reads while it runs.
    assert len(done.out.splitlines()) == len(shown) + 2


def test_files_that_are_named_and_what_a_person_is_told(shell: Shell, imports: Imports) -> None:
    _write(shell)
    done = shell("run", "part-10.csv", "part-1.csv", *MERGE)
    assert (done.code, done.err) == (0, "")
    first, second, summary = done.out.splitlines()
    assert first.startswith("part-10.csv: imp_")
    assert "created 1" in second
    assert summary.startswith("2 imports: 2 completed; created 2")
    assert imports.names() == ["Ann", "Cid"]
    again = shell("run", "part-1?.csv", *MERGE, "--mode", "sync", "--json")
    # Without `*` it is the name of a file.
    assert (again.code, "There is no file at part-1?.csv" in again.err) == (2, True)


def test_a_glob_without_a_file_and_parts_of_several_are_told(shell: Shell, imports: Imports) -> None:
    none = shell("run", "*.tsv", *MERGE, "--json")
    assert (none.code, none.out) == (2, "")
    assert "No file matches *.tsv" in none.err
    _write(shell)
    assert shell("run", "part-1.csv", "part-2.csv", *MERGE, "--parts").code == 2
    missing = shell("run", "part-1.csv", "nothing.csv", *MERGE)
    assert (missing.code, missing.out) == (2, "")
    assert "There is no file at nothing.csv" in missing.err
    assert imports.query("SELECT FROM imports WHERE organization_id = %s", imports.organization) == []
    assert imports.names() == []
