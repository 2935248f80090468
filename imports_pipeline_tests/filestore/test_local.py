"""The store in a folder: what a folder alone has. Links, names that order differently, and who may write."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.filestore.opening import open_store
from imports_pipeline.filestore.stores import StoreError
from imports_pipeline.settings import Settings
from imports_pipeline_tests.filestore.stored import content, keys, leftovers, put


def test_where_the_store_is(tmp_path: Path) -> None:
    settings = Settings.read({"IMPORTS_HOME": str(tmp_path)})
    assert open_store(settings).location("a/b") == str(tmp_path / "files/a/b")
    assert open_store(settings).uri("a/b") == str(tmp_path / "files/a/b")
    assert open_store(settings).url("a b") == f"file://{tmp_path}/files/a%20b"
    for url in (str(tmp_path / "other"), f"file://{tmp_path}/other"):
        store = open_store(Settings.read({"IMPORTS_HOME": str(tmp_path), "STORE_URL": url}))
        assert store.location("a") == str(tmp_path / "other/a")


def test_links_do_not_lead_outside(local: LocalStore, tmp_path: Path) -> None:
    put(local, "in/a.csv")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (local.root / "in/folder").symlink_to(outside)
    (local.root / "in/file").symlink_to(outside / "secret")
    for key in ("in/folder/secret", "in/file"):
        with pytest.raises(ValueError, match="outside the file store by a link"):
            local.open_read(key)
    assert keys(local) == ["in/a.csv"]
    local.delete_folder("in")
    assert (outside / "secret").read_text() == "secret"


def test_a_listing_orders_keys_and_not_names(local: LocalStore) -> None:
    """A folder stands among its neighbours where its files' keys do, so ``after`` passes none over."""
    names = sorted(["a-b", "a.csv", "a/x", "a/y/z", "a0", "a b", "A/1", "A!", "a/y-1", "aa/1"])
    for name in names:
        put(local, name)
    assert keys(local) == names
    for number, name in enumerate(names):
        assert keys(local, after=name) == names[number + 1 :]
        assert keys(local, after=f"{name}!") == [one for one in names if one > f"{name}!"]


def test_a_listing_shows_what_has_a_key(local: LocalStore) -> None:
    put(local, "in/a")
    os.mkfifo(local.root / "in/pipe")
    for name in (b"back\\slash", b"not-utf8-\xff"):
        (local.root / "in" / os.fsdecode(name)).write_bytes(b"x")
    assert keys(local) == ["in/a"]
    assert (local.exists("in/pipe"), local.stat("in/pipe")) == (False, None)


def test_a_file_that_grows_has_another_version(local: LocalStore) -> None:
    put(local, "in/a", b"1")
    seen = set()
    for _ in range(3):
        with local.path("in/a").open("ab") as file:
            file.write(b"1")
        (found,) = local.list("in")
        seen.add((found.version, found.size))
    assert len(seen) == 3


def test_the_longest_name(local: LocalStore) -> None:
    put(local, name := "n" * 255)
    assert (content(local, name), leftovers(local)) == (b"x", [])


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match=r"cannot be created.*see STORE_URL"):
        LocalStore(tmp_path / "file" / "files").check()
    with pytest.raises(StoreError, match="cannot be created"):
        LocalStore(tmp_path / "file").check()


def test_a_sweep_goes_on_where_the_last_one_stopped(local: LocalStore) -> None:
    folders = ["", "a-b/", "a/", "a/b/", "a/b/c/", "d/"]
    for folder in folders:
        put(local, f"{folder}people.csv")
        (local.root / folder / ".people.part").touch()
    after, swept = "", []
    while True:
        one = local.sweep(time.time() + 60, after=after, out_of_time=lambda: True)
        swept.append(one.files)
        after = one.stopped_at
        if not after:
            break
        # A folder that is gone meanwhile holds up nothing.
        if after == "a/b/":
            local.delete_folder("a/b/c")
    assert swept == [2, 1, 1, 1, 0], "the first sweep has the folder of the store and the first one in it"
    assert leftovers(local) == []
    assert keys(local) == [f"{folder}people.csv" for folder in ("a-b/", "a/b/", "a/", "d/", "")]
