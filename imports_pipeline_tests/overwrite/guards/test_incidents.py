"""Incidents that users of other systems have reported, each with the name of what happened to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from imports_pipeline.model.imports import Import
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.overwrite import Runs
from imports_pipeline_tests.overwrite.runs import contacts


@pytest.fixture
def stored(runs: Runs) -> Runs:
    runs.completed(contacts(40))
    return runs


def fails(runs: Runs, import_: Import, code: str) -> str:
    """Insist that nothing was removed and that it does not look like success; give the reason."""
    assert (import_.status, import_.code) == (Status.FAILED, code)
    assert len(runs.records()) == 40
    assert not any(import_.stats[name] for name in import_.stats if name != "rejected")
    assert import_.reason is not None
    return import_.reason


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "empty_file"),
        ("\ufeff", "empty_file"),
        ("\n\n", "empty_file"),
        ("name,external_id\n", "no_valid_row"),
    ],
)
@pytest.mark.parametrize("approved", [None, 500])
def test_empty_source(stored: Runs, content: str, code: str, approved: int | None) -> None:
    """Connapse #384, syncthing #4345: a source that is there and empty is not an order to delete everything."""
    fails(stored, stored.run(content, action="overwrite", max_deletions=approved), code)


def test_truncated_export(stored: Runs) -> None:
    """The export broke off in the middle of a line: what is missing is not what was deleted."""
    whole = contacts(40)
    import_ = stored.run(whole[: len(whole) // 2], action="overwrite")
    assert "of 40 contacts" in fails(stored, import_, "too_many_deletions")


def test_truncated_export_of_few(runs: Runs) -> None:
    """Of so few that no share of them is too many, the broken line itself is what stops it."""
    runs.completed("name,external_id\nAnn,E-1\nBob,E-2\nCid,E-3\n")
    import_ = runs.run('name,external_id\nAnn,E-1\nBob,E-2\n"Ci', action="overwrite")
    assert (import_.status, import_.code) == (Status.FAILED, "unidentified_rows")
    assert runs.names() == ["Ann", "Bob", "Cid"]


def test_truncated_export_in_the_middle_of_an_id(runs: Runs) -> None:
    """A line that breaks off after the name still shows whose it is by the name."""
    runs.completed("name,external_id,notes\nAnn,E-1,\nBob,E-2,\n")
    import_ = runs.run("name,external_id,notes\nAnn,E-1,\nBob,E", action="overwrite")
    assert (import_.status, import_.stats["rejected"], import_.stats["overwritten"]) == (
        Status.COMPLETED,
        1,
        0,
    )
    assert runs.names() == ["Ann", "Bob"]


def test_unmounted_folder(stored: Runs, tmp_path: Path) -> None:
    """music-assistant #3648: a file that is not there is a fault, not an empty list."""
    mounted = tmp_path / "mnt"
    (mounted / "contacts.csv").parent.mkdir()
    for path in (mounted / "contacts.csv", mounted, tmp_path / "nothing" / "contacts.csv"):
        import_ = stored.run(path, action="overwrite", max_deletions=500)
        code = "source_not_readable" if path == mounted else "source_not_found"
        assert str(path) in fails(stored, import_, code)


def test_59_percent_under_a_90_percent_guard(runs: Runs) -> None:
    """Joplin #16165: a share alone let 2,500 go; here the count stops it, whatever the share may be."""
    runs.completed(contacts(1000))
    runs.set_limits(percent=90)
    import_ = runs.run(contacts(410), action="overwrite")
    assert (import_.status, import_.code) == (Status.FAILED, "too_many_deletions")
    assert "590 of 1,000 contacts (59.0 %), more than 500" in (import_.reason or "")
    assert len(runs.records()) == 1000


def test_blocked_but_green(stored: Runs) -> None:
    """Jellyfin-Xtream-Library #77: what is blocked is a failure, and it says which limit and what to do."""
    reason = fails(stored, stored.run(contacts(1), action="overwrite"), "too_many_deletions")
    assert "would remove 39 of 40 contacts (97.5 %), more than 10 and more than 10 %" in reason
    assert "import again with max_deletions 39" in reason


def test_blocked_and_the_additions_not_half_applied(stored: Runs) -> None:
    """A blocked overwrite adds and changes nothing either: all or nothing, and the merge is one option away."""
    before = stored.tables()
    file = "name,external_id\nnew,E-100\nchanged,E-0\n"
    fails(stored, stored.run(file, action="overwrite"), "too_many_deletions")
    assert stored.tables() == before
    merged = stored.run(file, action="merge")
    assert (merged.stats["created"], merged.stats["updated"], len(stored.records())) == (1, 1, 41)


def test_hard_delete_removed_the_rows_just_loaded(stored: Runs) -> None:
    """target-postgres #340 (`<=` for `<`): what the file creates, updates or leaves as it is stays."""
    file = "name,external_id\n" + "".join(f"n{i},E-{i}\n" for i in range(30)) + "changed,E-30\nnew,E-100\n"
    for stats in ((1, 1, 30, 9), (0, 0, 32, 0), (0, 0, 32, 0)):
        done = stored.completed(file, action="overwrite").stats
        assert (done["created"], done["updated"], done["unchanged"], done["overwritten"]) == stats
        assert sorted(stored.names()) == sorted([*(f"n{i}" for i in range(30)), "changed", "new"])


def test_every_other_sync_removes_everything(stored: Runs) -> None:
    """Airbyte #42468: the same overwrite again and again leaves the same records."""
    ids = {record["id"] for record in stored.records()}
    for _ in range(3):
        assert stored.completed(contacts(40), action="overwrite").stats["unchanged"] == 40
        assert {record["id"] for record in stored.records()} == ids


def test_deletes_ignored_the_file_and_removed_everything(stored: Runs) -> None:
    """SFDX-Data-Move-Utility #288: `delete` removes the rows of the file and nothing else."""
    gone = {stored.one(name)["id"] for name in ("n1", "n2")}
    everybody = {record["id"] for record in stored.records()}
    unknown = "ctct_01h455vb4pex5vsknk084sn02q"
    import_ = stored.run("id\n" + "\n".join([*gone, unknown, "what"]) + "\n", action="delete")
    assert (import_.stats["deleted"], import_.stats["rejected"]) == (2, 2)
    assert {record["id"] for record in stored.records()} == everybody - gone


@pytest.mark.parametrize("content", ["id\n", "id\n\n", "id,name\n,n1\n", "name\nn1\n", "id\nwhat\n", ""])
def test_a_delete_of_nothing_is_not_a_delete_of_everything(stored: Runs, content: str) -> None:
    import_ = stored.run(content, action="delete")
    assert import_.status is Status.FAILED
    assert len(stored.records()) == 40


def test_declared_deletes_silently_did_nothing(stored: Runs) -> None:
    """weevr #203: what is told to go goes, is counted, and what cannot go is said so."""
    one = stored.one("n1")["id"]
    import_ = stored.run(f"id\n{one}\n", action="delete")
    assert (import_.status, import_.stats["deleted"]) == (Status.COMPLETED, 1)
    assert stored.query("SELECT FROM contacts WHERE id = %s", one) == []
    again = stored.run(f"id\n{one}\n", action="delete")
    assert (again.status, again.code) == (Status.FAILED, "no_valid_row")
    assert stored.codes(again) == {2: ["unknown_id"]}
    overwritten = stored.completed(contacts(30), action="overwrite")
    assert (overwritten.stats["overwritten"], len(stored.records())) == (10, 30)


def test_a_merge_never_deletes(stored: Runs) -> None:
    """pipelinewise #693, meltano sdk #2103: rows are deleted only by an action that says so."""
    for content in ("name,external_id\nn0,E-0\n", contacts(40), "name,external_id\n"):
        stored.run(content)
        assert len(stored.records()) == 40


def test_dropped_keys_that_come_back_are_new_records(stored: Runs) -> None:
    """dbt #2749: a key that was hard deleted and appears again is there again."""
    stored.completed(contacts(30), action="overwrite")
    import_ = stored.completed(contacts(40), action="overwrite")
    assert (import_.stats["created"], import_.stats["unchanged"], len(stored.records())) == (10, 30, 40)
