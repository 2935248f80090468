"""A long queue, and files that cannot be worked on: neither holds up the files of others."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imports_pipeline.filestore import s3 as s3_module
from imports_pipeline.filestore.s3 import S3Store
from imports_pipeline.filestore.stores import Store, StoreDenied
from imports_pipeline_tests.dropped_files.dropping import CONTENT, Dropped
from imports_pipeline_tests.journeys import Imports


def test_a_long_queue_delays_no_other_organization(with_settings: Callable[..., Dropped]) -> None:
    many = with_settings(uploads_a_tick=1)
    many.watcher = replace(many.watcher, window=5)
    few = replace(many, imports=Imports(many.imports.workflow, "zz-few", many.imports.folder))
    for number in range(70):
        many.drop(f"{number:02}.csv")
    for number in range(2):
        few.drop(f"{number}.csv")
    first = many.launches()
    seen = [row["organization_id"] for row in many.rows()]
    assert seen.count("zz-few") == 2
    assert 20 <= seen.count(many.imports.organization) < 25, "as many as twenty ticks import, and a window"
    turns = [one.organization_id for one in many.complete(*first)]
    for _ in range(160):
        turns += [one.organization_id for one in many.complete(*many.launches())]
        waiting = sum(row["state"] in ("seen", "imported") for row in many.rows())
        assert waiting < 28
        if len(turns) == 72 and not waiting:
            break
    assert turns.index("zz-few") < 40, "it has its turn long before the others are through"
    assert all(key.startswith("contact/merge/done/") for key in many.lying()), "each was imported and moved"
    assert len(many.registered()) == 70


@pytest.mark.parametrize("kind", ["local"])
def test_a_file_replaced_in_a_long_queue_is_imported_as_it_is_then(
    with_settings: Callable[..., Dropped],
) -> None:
    """The queue is not listed again before the file's turn comes."""
    longer = CONTENT * 2
    dropped = with_settings(uploads_a_tick=1)
    for number in range(40):
        dropped.drop(f"{number:02}.csv")
    dropped.watcher = replace(dropped.watcher, settle_seconds=3600, window=5)
    dropped.tick()
    for number in range(40):
        dropped.drop(f"{number:02}.csv", longer)
    dropped.watcher = replace(dropped.watcher, settle_seconds=0)
    for _ in range(200):
        dropped.complete(*dropped.launches())
        if len(dropped.registered()) == 40:
            break
    assert len(dropped.registered()) == 40
    assert {row["size"] for row in dropped.rows()} == {len(longer)}


@pytest.mark.parametrize("kind", ["s3"])
@pytest.mark.parametrize(("ended", "most"), [(30, 2 * 10 + 1), (3, 10 * (1 + 3) // 10 + 1)])
def test_requests_on_s3(
    dropped: Dropped, store: S3Store, monkeypatch: pytest.MonkeyPatch, ended: int, most: int
) -> None:
    """A folder of ended imports costs at most a request, and small ones no request of their own."""
    for organization in range(10):
        for number in range(ended):
            with store.open_write(
                f"uploads/org-{organization}/contact/merge/done/imp_{number:02}/a.csv"
            ) as file:
                file.write(b"1")
        with store.open_write(f"uploads/org-{organization}/contact/merge/new.csv") as file:
            file.write(CONTENT.encode())
    monkeypatch.setattr(s3_module, "_PAGE", 10)
    monkeypatch.setattr(s3_module, "_SMALL_PAGE", 2)
    sizes: list[int] = []
    whole = S3Store._call

    def call(store: S3Store, method: str, **parameters: Any) -> dict[str, Any]:
        if method == "list_objects_v2":
            sizes.append(parameters["MaxKeys"])
        return whole(store, method, **parameters)

    monkeypatch.setattr(S3Store, "_call", call)
    dropped.tick()
    assert len(dropped.rows()) == 10, "all new files are found"
    assert len(sizes) <= most
    if ended == 30:
        assert 2 in sizes, "behind a large skipped folder the pages are small"


@pytest.mark.parametrize("kind", ["local"])
class TestBadFiles:
    """A file that cannot be worked on is told, waits a minute, and is worked on when it can be."""

    def test_one_that_cannot_be_moved(self, with_settings: Callable[..., Dropped]) -> None:
        dropped = with_settings(uploads_a_tick=1)
        # The name of its result would be longer than the file system allows.
        bad = [dropped.drop("a" * 245 + f"{number}.csv") for number in range(3)]
        told = []
        for number in range(20):
            if number == 10:
                dropped.drop("good.csv")
            tick = dropped.tick()
            told += tick.notes
            dropped.complete(*tick.launches)
        assert ("good.csv", "moved") in dropped.states()
        for key in bad:
            (note,) = (note for note in told if note.startswith(f"{key}: "))
            assert "File name too long" in note
            (row,) = [row for row in dropped.rows() if row["key"] == key]
            assert (row["state"], row["reason"]) == ("imported", note.removeprefix(f"{key}: "))

    def test_the_remedy(self, dropped: Dropped, store: Store, tmp_path: Path) -> None:
        key = dropped.drop("people.csv")
        done = Path(store.uri(key)).parent / "done"
        done.symlink_to(tmp_path)
        dropped.complete(*dropped.settle())
        (note,) = dropped.tick().notes
        assert "leads outside the file store by a link; remove the link" in note
        assert dropped.tick().notes == [], "it waits"
        done.unlink()
        dropped.imports.query("UPDATE uploads SET tried_at = now() - interval '61 s' RETURNING id")
        dropped.tick()
        (row,) = dropped.rows()
        assert (row["state"], row["reason"]) == ("moved", None)

    def test_one_that_cannot_be_looked_at(self, dropped: Dropped) -> None:
        bad, good = dropped.drop("a.csv"), dropped.drop("b.csv")
        dropped.tick()
        whole = dropped.watcher.workflow.store.stat

        class Denying:
            def __getattr__(self, name: str) -> Any:
                return getattr(store, name)

            def stat(self, key: str) -> object:
                if key == bad:
                    raise StoreDenied("S3 refuses it; check the bucket's policy.")
                return whole(key)

        store = dropped.watcher.workflow.store
        workflow = replace(dropped.watcher.workflow, store=Denying())  # type: ignore[arg-type]
        dropped.watcher = replace(dropped.watcher, workflow=workflow)
        tick = dropped.tick()
        assert any(note.startswith(f"{bad}: ") and "check the bucket's policy" in note for note in tick.notes)
        assert [row["key"] for row in dropped.rows() if row["import_id"]] == [good]

    def test_a_folder_that_cannot_be_read(
        self, dropped: Dropped, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dropped.drop("closed/a.csv")
        dropped.tick()
        closed = Path(store.uri(dropped.key("closed/a.csv"))).parent
        real = os.scandir

        def scandir(folder: Any) -> Any:
            if Path(folder) == closed:
                raise PermissionError(13, "Permission denied", str(folder))
            return real(folder)

        monkeypatch.setattr("os.scandir", scandir)
        dropped.drop("zoe.csv")
        tick = dropped.tick()
        assert any("closed/ cannot be read (Permission denied)" in note for note in tick.notes)
        assert {row["key"].rpartition("/")[2] for row in dropped.rows()} == {"a.csv", "zoe.csv"}
        assert "gone" not in {row["state"] for row in dropped.rows()}
