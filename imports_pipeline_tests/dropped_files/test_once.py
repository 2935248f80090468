"""Each new content of a dropped file becomes one import, whatever dies when, and is put away when that ends."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from dagster import DagsterInstance

from imports_pipeline.defs.runs.reconciler import reconcile
from imports_pipeline.filestore.stores import Store
from imports_pipeline.model.option_choices import Mode
from imports_pipeline.model.phases import Phase
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import dropped_files
from imports_pipeline_tests.dropped_files.dropping import OTHER, Dropped


def test_a_dropped_file_is_imported_and_put_away(dropped: Dropped) -> None:
    dropped.drop("people.csv")
    (import_,) = dropped.imported()
    assert (import_.status, import_.source, import_.name) == (Status.COMPLETED, "bucket", "people.csv")
    assert (import_.resource, import_.options.action, import_.options.mode) == (
        "contact",
        "merge",
        Mode.SYNC,
    )
    assert dropped.imports.names() == ["Ann", "Bob"]
    folder = f"contact/merge/done/{import_.id}"
    assert dropped.lying() == [f"{folder}/people.csv", f"{folder}/people.csv.result.txt"]
    assert dropped.states() == [("people.csv", "moved")]
    assert dropped.imported() == [], "what was put away is not new"
    dropped.cursor = ""
    assert dropped.imported() == []


def test_the_same_content_dropped_again_after_it_was_moved_is_new(dropped: Dropped) -> None:
    dropped.drop("people.csv")
    (first,) = dropped.imported()
    dropped.drop("people.csv")
    (second,) = dropped.imported()
    assert first.id != second.id
    assert first.checksum == second.checksum
    assert second.stats["unchanged"] == 2
    assert len(dropped.lying()) == 4, "two files, each with its result"


def test_a_failed_file_can_be_repeated(dropped: Dropped, store: Store) -> None:
    dropped.drop("people.csv", "no,known,column\n1,2,3\n")
    (import_,) = dropped.imported()
    assert import_.status is Status.FAILED
    folder = f"contact/merge/failed/{import_.id}"
    assert dropped.lying() == [f"{folder}/people.csv", f"{folder}/people.csv.result.txt"]
    again = dropped.imports.workflow.get(import_.id)
    assert again.source_uri == store.uri(dropped.key(f"failed/{import_.id}/people.csv")), "can be repeated"


def test_files_can_be_left(with_settings: Callable[..., Dropped]) -> None:
    dropped = with_settings(uploads_after="leave")
    dropped.drop("people.csv")
    (import_,) = dropped.imported(really=False)
    result = f"contact/merge/done/{import_.id}/people.csv.result.txt"
    assert dropped.lying() == [result, "contact/merge/people.csv"]
    assert dropped.imported(really=False) == []
    dropped.cursor = ""
    assert dropped.imported(really=False) == []
    assert dropped.states() == [("people.csv", "left")]
    dropped.drop("people.csv", OTHER)
    (second,) = dropped.imported(really=False)
    dropped.drop("people.csv")
    (third,) = dropped.imported(really=False)
    assert len({import_.id, second.id, third.id}) == 3, "an old content that comes back is new"


class TestReplaced:
    """A file is overwritten by new content while the old one is on its way."""

    def test_before_it_was_registered_only_the_new_content_is_imported(
        self, dropped: Dropped, kind: str
    ) -> None:
        dropped.drop("people.csv")
        if kind == "local":
            assert dropped.launches() == []
        dropped.drop("people.csv", OTHER)
        (import_,) = dropped.imported()
        assert dropped.imports.names() == ["Cid", "Dee"]
        assert dropped.registered() == [dropped.imports.workflow.get(import_.id)]

    def test_before_it_was_fetched_the_old_import_says_so(self, dropped: Dropped) -> None:
        dropped.drop("people.csv")
        (first,) = dropped.settle()
        dropped.drop("people.csv", OTHER)
        assert dropped.settle() == [], "the new content waits for the old one's import"
        (first,) = dropped.run(first)
        assert (first.status, first.code) == (Status.FAILED, "source_changed")
        (second,) = dropped.imported()
        assert second.status is Status.COMPLETED
        assert dropped.imports.names() == ["Cid", "Dee"]
        assert dropped.lying() == [
            f"contact/merge/done/{second.id}/people.csv",
            f"contact/merge/done/{second.id}/people.csv.result.txt",
            f"contact/merge/failed/{first.id}/people.csv.result.txt",
        ]
        assert dropped.states() == [("people.csv", "superseded"), ("people.csv", "moved")]

    def test_after_it_was_imported_both_are(self, dropped: Dropped) -> None:
        dropped.drop("people.csv")
        (first,) = dropped.run(*dropped.settle())
        dropped.drop("people.csv", OTHER)
        (second,) = dropped.imported()
        assert (first.status, second.status) == (Status.COMPLETED, Status.COMPLETED)
        assert dropped.imports.names() == ["Ann", "Bob", "Cid", "Dee"]
        copies = [key for key in dropped.lying() if not key.endswith(".result.txt")]
        assert copies == [f"contact/merge/done/{second.id}/people.csv"], (
            "the new content never goes under the old one's name"
        )

    def test_removed_before_it_was_fetched(self, dropped: Dropped, store: Store) -> None:
        key = dropped.drop("people.csv")
        (import_,) = dropped.settle()
        store.delete(key)
        (import_,) = dropped.run(import_)
        assert (import_.status, import_.code) == (Status.FAILED, "source_not_found")
        assert dropped.imported() == []
        assert dropped.states() == [("people.csv", "gone")]

    def test_a_run_that_died_after_fetching_goes_on_with_what_it_fetched(self, dropped: Dropped) -> None:
        dropped.drop("people.csv")
        (import_,) = dropped.settle()
        dropped.imports.workflow.check(import_.id, Phase.PREVALIDATION)
        dropped.imports.query(
            "UPDATE imports SET phases = '[]' WHERE id = %s RETURNING id", import_.id
        )  # as if it had died before its report
        dropped.drop("people.csv", OTHER)
        (import_,) = dropped.run(import_)
        assert import_.status is Status.COMPLETED
        assert dropped.imports.names() == ["Ann", "Bob"]


class TestCrashes:
    """Whatever dies between two of a tick's steps, the next tick carries on."""

    @pytest.fixture
    def kind(self) -> str:
        return "local"

    def test_the_cursor_is_lost_at_every_tick(self, dropped: Dropped) -> None:
        for number in range(3):
            dropped.drop(f"{number}.csv", f"name,email\nN{number},n{number}@example.com\n")
        done = []
        for _ in range(6):
            dropped.cursor = ""
            done += dropped.complete(*dropped.launches())
        assert len(done) == 3
        assert len(dropped.registered()) == 3

    def test_before_the_run_is_launched(self, dropped: Dropped) -> None:
        """The import is registered; the daemon dies before Dagster hears of it."""
        dropped.drop("people.csv")
        (lost,) = dropped.settle()
        dropped.launched.clear()
        assert dropped.launches() == [], "the daemon may only be slow"
        dropped.watcher = replace(dropped.watcher, offer_again=timedelta(0))
        (again,) = dropped.launches()
        assert again.id == lost.id
        dropped.complete(again)
        assert dropped.imported(really=False) == []
        assert len(dropped.registered()) == 1

    def test_for_so_long_that_others_would_be_given_up(
        self, dropped: Dropped, instance: DagsterInstance
    ) -> None:
        """The daemon is down for an hour between registering and launching."""
        dropped.drop("people.csv")
        (import_,) = dropped.settle()
        dropped.launched.clear()
        dropped.imports.query(
            "UPDATE imports SET created_at = now() - interval '1 hour', updated_at = now() - interval '1 hour'"
            " WHERE id = %s RETURNING id",
            import_.id,
        )
        reconcile(dropped.imports.workflow, instance, ["import_contacts", "process_contacts"], [])
        dropped.watcher = replace(dropped.watcher, offer_again=timedelta(0))
        (done,) = dropped.imported()
        assert (done.id, done.status) == (import_.id, Status.COMPLETED)

    def test_after_the_run_is_launched(self, dropped: Dropped) -> None:
        """The run is there; the daemon dies before it has noted that: the run key is the same."""
        dropped.drop("people.csv")
        (import_,) = dropped.settle()
        dropped.watcher = replace(dropped.watcher, offer_again=timedelta(0))
        assert [one.id for one in dropped.tick().launches] == [import_.id]
        dropped.run(import_)
        assert dropped.tick().launches == [], "a run that has begun is not requested again"

    def test_between_registering_and_noting_it(
        self, dropped: Dropped, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The transaction that makes the import is cut off: there is none, and the next tick makes it."""
        dropped.drop("people.csv")
        real = dropped_files.import_records.create_import

        def dies(*values: object, **named: object) -> None:
            real(*values, **named)  # type: ignore[arg-type]
            raise SystemExit("the daemon died")

        with monkeypatch.context() as patch:
            patch.setattr(dropped_files.import_records, "create_import", dies)
            with pytest.raises(SystemExit):
                dropped.settle()
        assert dropped.registered() == []
        assert len(dropped.imported(really=False)) == 1

    def test_two_daemons_at_once(self, dropped: Dropped) -> None:
        for number in range(8):
            dropped.drop(f"{number}.csv", f"name,email\nN{number},n{number}@example.com\n")
        with ThreadPoolExecutor(4) as threads:
            ticks = [
                tick for _ in range(3) for tick in threads.map(lambda _: dropped.watcher.tick(), range(4))
            ]
        launched = [import_.id for tick in ticks for import_ in tick.launches]
        assert len(launched) == len(set(launched)) == 8
        assert len(dropped.registered()) == 8


class TestPuttingAway:
    """A tick that dies while it moves a file is carried on by the next; on S3 a move is a copy and a removal."""

    @pytest.mark.parametrize("step", ["open_write", "move", "options"])
    def test_while_putting_away(
        self, dropped: Dropped, store: Store, step: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dropped.drop("people.csv", "no,known,column\n1,2,3\n")
        dropped.drop("people.csv.yaml", "blank_cells: clear\n")
        (import_,) = dropped.run(*dropped.settle())
        moves = []

        def move(key: str, to: str, *, version: str | None = None) -> None:
            moves.append(key)
            if step != "options" or len(moves) == 2:
                raise SystemExit("the daemon died")
            real(key, to, version=version)

        real = store.move
        with monkeypatch.context() as patch:
            if step == "open_write":
                patch.setattr(type(store), "open_write", lambda *_: (_ for _ in ()).throw(SystemExit()))
            else:
                patch.setattr(type(store), "move", lambda _, *values, **named: move(*values, **named))
            with pytest.raises(SystemExit):
                dropped.tick()
        assert dropped.imported() == []
        folder = f"contact/merge/failed/{import_.id}"
        assert dropped.lying() == [
            f"{folder}/people.csv",
            f"{folder}/people.csv.result.txt",
            f"{folder}/people.csv.yaml",
        ]
        assert dropped.states() == [("people.csv", "moved")]

    def test_the_same_content_dropped_again_just_after_the_move(
        self, dropped: Dropped, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The tick died after the move; by the next one the same content lies there again."""
        dropped.drop("people.csv")
        (first,) = dropped.complete(*dropped.settle())
        with monkeypatch.context() as patch:
            patch.setattr(dropped_files, "end", lambda *_: (_ for _ in ()).throw(SystemExit()))
            with pytest.raises(SystemExit):
                dropped.tick()
        dropped.imports.query("UPDATE uploads SET modified = modified - 60 RETURNING id")
        dropped.drop("people.csv")
        (second,) = dropped.imported(really=False)
        assert second.id != first.id
        assert len(dropped.lying()) == 4, "two files, each with its result"
