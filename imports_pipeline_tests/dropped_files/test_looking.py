"""What is taken for an upload and what is not, how much a tick does, and the options beside a file."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.filestore.stores import Store
from imports_pipeline.model.option_choices import Action, Mode
from imports_pipeline.model.statuses import Status
from imports_pipeline.sources import dropped_file_options
from imports_pipeline_tests.dropped_files.dropping import CONTENT, OTHER, Dropped
from imports_pipeline_tests.journeys import Imports


@pytest.fixture
def kind() -> str:
    return "local"


class TestStillWritten:
    """A local file is imported when it was the same in two ticks."""

    def test_one_that_grows_is_left_until_it_stops(self, dropped: Dropped, store: Store) -> None:
        path = Path(store.uri(dropped.drop("people.csv", "")))
        for line in CONTENT.splitlines(keepends=True):
            with path.open("a") as file:
                file.write(line)
            assert dropped.launches() == []
        (import_,) = dropped.launches()
        dropped.run(import_)
        assert dropped.imports.names() == ["Ann", "Bob"]
        assert len(dropped.rows()) == 1, "a file that grows for hours is one row"

    def test_two_daemons_do_not_make_it_two_ticks(self, dropped: Dropped) -> None:
        dropped.watcher = replace(dropped.watcher, settle_seconds=60)
        dropped.drop("people.csv")
        assert dropped.launches() == dropped.launches() == []

    @pytest.mark.parametrize(
        "name",
        [
            ".people.csv",
            "people.csv.part",
            "people.csv.tmp",
            "~$people.xlsx",
            ".hidden/people.csv",
            "people.csv~",
        ],
    )
    def test_what_tools_have_not_finished_is_not_seen(self, dropped: Dropped, name: str) -> None:
        dropped.drop(name)
        assert dropped.imported() == []
        assert dropped.rows() == []

    def test_a_file_that_is_renamed_when_it_is_whole(self, dropped: Dropped, store: Store) -> None:
        path = Path(store.uri(dropped.key("people.csv.part")))
        path.parent.mkdir(parents=True)
        path.write_text(CONTENT)
        assert dropped.launches() == []
        path.rename(path.with_suffix(""))
        assert len(dropped.imported(really=False)) == 1


class TestSkipped:
    """What is not imported is said once for each content, and stays to be looked up."""

    @pytest.mark.parametrize(
        ("key", "says"),
        [
            ("uploads/people.csv", "uploads/<organization>/<resource>/<action>/"),
            ("uploads/acme/contact/people.csv", "uploads/<organization>/<resource>/<action>/"),
            ("uploads/acme/people/merge/a.csv", "no resource 'people': name the folder contact or group"),
            (
                "uploads/acme/contact/upsert/a.csv",
                "no action 'upsert': name the folder merge, overwrite, delete",
            ),
            ("uploads/acme/contact/revert/a.csv", "no action 'revert'"),
            ("uploads/-acme/contact/merge/a.csv", "'-acme' is not an organization"),
            ("uploads/a b/contact/merge/a.csv", "'a b' is not an organization"),
            ("uploads/acme/contact/merge/a.pdf", "must be one of .csv, .tsv, .txt, .gz, .zip, .xlsx"),
            ("uploads/acme/contact/merge/a", "must be one of .csv"),
        ],
    )
    def test_with_a_reason(self, dropped: Dropped, store: Store, key: str, says: str) -> None:
        with store.open_write(key) as file:
            file.write(b"1")
        (note,) = dropped.tick().notes
        assert key in note
        assert says in note
        assert dropped.tick().notes == [], "once"
        (row,) = dropped.rows()
        assert (row["state"], row["reason"]) == ("skipped", note.partition(": ")[2])
        with store.open_write(key) as file:
            file.write(b"22")
        assert len(dropped.tick().notes) == 1, "another content is said again"
        store.delete(key)
        dropped.tick()
        assert {row["state"] for row in dropped.rows()} == {"superseded", "gone"}

    def test_nothing_outside_the_folder_is_looked_at(self, dropped: Dropped, store: Store) -> None:
        for key in ("people.csv", "imports/x/upload", "uploadsx/acme/contact/merge/a.csv"):
            with store.open_write(key) as file:
                file.write(CONTENT.encode())
        assert dropped.imported() == []
        assert dropped.rows() == []


class TestOptions:
    """`<file>.yaml` beside the file."""

    def test_are_those_of_the_import_and_move_with_the_file(self, dropped: Dropped) -> None:
        dropped.drop("people.csv.yaml", "name: Nightly\nmatch_on: [email]\nsaved_mapping: crm\nmode: mixed\n")
        dropped.drop("people.csv", action="merge")
        (import_,) = dropped.imported(really=False)
        assert import_.name == "Nightly"
        assert (import_.options.match_on, import_.options.mode) == (("email",), Mode.MIXED)
        assert import_.options.saved_mapping == "crm"
        folder = f"contact/merge/done/{import_.id}"
        names = [key.removeprefix(f"{folder}/") for key in dropped.lying()]
        assert names == ["people.csv", "people.csv.result.txt", "people.csv.yaml"]

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("colour: red", "unknown option 'colour'"),
            ("mode: fast", "mode: 'fast' is none of sync, mixed"),
            ("match_on: [shoe_size]", "match_on"),
            ("action: delete", "action is given by the folder (merge)"),
            ("resource: group", "resource is given by the folder (contact)"),
            ("name: 7", "name takes 3 to 127 characters"),
            ("parts: true", "a dropped file is one file"),
            ("- a\n- b", "holds no options"),
            ("a: [b", "is not valid YAML (line 1)"),
            ("a: &a [x]\nmatch_on: [*a, *a]", "is not valid YAML"),
            ("a: " + "x" * 70_000, "longer than 65,536 bytes"),
        ],
    )
    def test_that_cannot_be_used_fail_the_import(self, dropped: Dropped, text: str, says: str) -> None:
        dropped.drop("people.csv.yaml", text)
        dropped.drop("people.csv")
        assert dropped.imported() == [], "no run is launched for it"
        (import_,) = dropped.registered()
        assert (import_.status, import_.code) == (Status.FAILED, "invalid_option")
        assert says in (import_.reason or "")
        assert len(dropped.lying()) == 3, "the file, its options and its result"
        assert all(key.startswith(f"contact/merge/failed/{import_.id}/") for key in dropped.lying())

    def test_of_the_next_file_are_not_put_away_with_this_one(self, dropped: Dropped) -> None:
        dropped.drop("people.csv.yaml", "blank_cells: clear\n")
        dropped.drop("people.csv")
        (import_,) = dropped.complete(*dropped.settle())
        dropped.drop("people.csv.yaml", "blank_cells: keep\n")
        dropped.tick()
        assert dropped.lying() == [
            f"contact/merge/done/{import_.id}/people.csv",
            f"contact/merge/done/{import_.id}/people.csv.result.txt",
            "contact/merge/people.csv.yaml",
        ]

    @pytest.mark.parametrize(
        ("name", "content", "mode"),
        [
            ("small.csv", CONTENT.encode(), Mode.SYNC),
            ("many.csv", b"name\n" + b"A\n" * 10_001, Mode.MIXED),
            ("many.csv", b"name\r" + b"A\r" * 10_001, Mode.MIXED),
            ("large.csv", b"name,notes\nA," + b"x" * 1_048_576 + b"\n", Mode.MIXED),
            ("packed.csv.gz", gzip.compress(CONTENT.encode()), Mode.MIXED),
        ],
    )
    def test_mode_is_sync_for_what_it_surely_takes(
        self, dropped: Dropped, store: Store, name: str, content: bytes, mode: Mode
    ) -> None:
        with store.open_write(dropped.key(name)) as file:
            file.write(content)
        (import_,) = dropped.settle()
        assert import_.options.mode is mode

    def test_the_folder_says_the_action(self, dropped: Dropped) -> None:
        dropped.drop("a.csv", action="overwrite")
        dropped.drop("g.csv", "name,resource\nG,contact\n", resource="group")
        found = {(one.resource, one.options.action) for one in dropped.imported(really=False)}
        assert found == {("contact", Action.OVERWRITE), ("group", Action.MERGE)}


class TestBounded:
    """However much is dropped, a tick is short and the next one carries on."""

    def test_a_tick_launches_so_many(self, with_settings: Callable[..., Dropped]) -> None:
        dropped = with_settings(uploads_a_tick=3)
        for number in range(7):
            dropped.drop(f"{number}.csv")
        if isinstance(dropped.watcher.workflow.store, LocalStore):
            dropped.tick()
        launched = [dropped.complete(*dropped.launches()) for _ in range(4)]
        assert [len(some) for some in launched] == [3, 3, 1, 0]

    def test_what_waits_for_dagster_is_not_added_to(self, with_settings: Callable[..., Dropped]) -> None:
        dropped = with_settings(uploads_a_tick=3)
        for number in range(7):
            dropped.drop(f"{number}.csv")
        waiting = dropped.settle()
        assert (len(waiting), dropped.launches()) == (3, [])
        dropped.complete(*waiting[:2])
        assert len(dropped.launches()) == 2

    def test_every_organization_has_its_turn(self, with_settings: Callable[..., Dropped]) -> None:
        many = with_settings(uploads_a_tick=100)
        few = replace(many, imports=Imports(many.imports.workflow, "zz-few", many.imports.folder))
        for dropped, count_ in ((many, 20), (few, 3)):
            for number in range(count_):
                dropped.drop(f"{number}.csv")
        launched = [one.organization_id == "zz-few" for one in many.settle()]
        assert [sorted(launched[turn : turn + 2]) for turn in (0, 2, 4)] == [[False, True]] * 3
        assert launched[6:] == [False] * 17

    def test_a_tick_takes_so_long(self, dropped: Dropped) -> None:
        clock = count()
        dropped.watcher = replace(dropped.watcher, clock=lambda: next(clock), step_seconds=2, window=2)
        keys = [dropped.drop(f"{number}.csv") for number in range(9)]
        dropped.tick()
        assert dropped.cursor
        assert len(dropped.rows()) < 9
        for _ in range(24):
            dropped.launches()
        assert sorted(row["key"] for row in dropped.rows()) == keys
        assert len(dropped.registered()) == 9

    def test_ended_imports_are_leapt_over(self, dropped: Dropped, store: Store) -> None:
        for number in range(50):
            with store.open_write(dropped.key(f"done/imp_{number}/a.csv")) as file:
                file.write(b"1")
        dropped.drop("0.csv")
        dropped.drop("done0/late.csv", OTHER)
        dropped.drop("zoe.csv", OTHER)
        looked = []
        real = store.list
        listing = dropped.watcher.workflow.store

        class Counting:
            def __getattr__(self, name: str) -> object:
                return getattr(listing, name)

            def list(self, folder: str, **how: Any) -> object:
                for file in real(folder, **how):
                    looked.append(file.key)
                    yield file

        dropped.watcher = replace(
            dropped.watcher,
            workflow=replace(dropped.watcher.workflow, store=Counting()),  # type: ignore[arg-type]
        )
        dropped.tick()
        assert len(looked) == 3

    def test_folders_are_read_once_a_round(
        self, dropped: Dropped, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not once more for each folder of ended imports."""
        for number in range(30):
            with store.open_write(f"uploads/org-{number}/contact/merge/done/imp_1/a.csv") as file:
                file.write(b"1")
        read = []
        real = os.scandir
        monkeypatch.setattr("os.scandir", lambda folder: read.append(folder) or real(folder))
        dropped.tick()
        assert len(read) == len(set(read)) == 1 + 3 * 30

    def test_a_thousand_files_are_seen_in_one_tick(self, dropped: Dropped, store: Store) -> None:
        folder = Path(store.uri(dropped.key("0.csv"))).parent
        folder.mkdir(parents=True)
        for number in range(1000):
            (folder / f"{number}.csv").write_text(CONTENT)
        dropped.tick()
        assert len(dropped.rows()) == 1000


def test_a_key_is_read_as_it_is_documented() -> None:
    drop = dropped_file_options.parse_key("uploads/acme/group/delete/2026/11/old groups.CSV")
    assert (drop.organization_id, drop.resource, drop.action, drop.name) == (
        "acme",
        "group",
        "delete",
        "old groups.CSV",
    )
    assert drop.target("imp_1", completed=True) == "uploads/acme/group/delete/done/imp_1/old groups.CSV"
