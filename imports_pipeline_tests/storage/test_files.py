"""The file store: a file is there whole or not at all, and none lies outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from imports_pipeline.storage.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "files")


def written(store: LocalStore, key: str, content: bytes) -> None:
    with store.open_write(key) as file:
        file.write(content)


def content(store: LocalStore, key: str) -> bytes:
    with store.open_read(key) as file:
        return file.read()


def test_a_file_appears_when_it_is_whole(store: LocalStore) -> None:
    with store.open_write("imports/a/upload") as file:
        file.write(b"half")
        file.flush()
        assert not store.exists("imports/a/upload")
    assert content(store, "imports/a/upload") == b"half"


def test_a_file_that_fails_leaves_the_one_before(store: LocalStore) -> None:
    written(store, "a", b"before")

    def interrupted() -> None:
        with store.open_write("a") as file:
            file.write(b"after")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert content(store, "a") == b"before"
    assert [path.name for path in store.root.iterdir()] == ["a"], "nothing of the attempt remains"


def test_the_last_of_two_writers_wins_whole(store: LocalStore) -> None:
    with store.open_write("a") as one, store.open_write("a") as other:
        one.write(b"first" * 1000)
        other.write(b"second")
    assert content(store, "a") == b"first" * 1000, "the outer block ends last"


@pytest.mark.parametrize("key", ["../outside", "imports/../../outside", "/etc/passwd"])
def test_no_key_leads_outside(store: LocalStore, key: str) -> None:
    for use in (store.path, store.open_read, store.exists, store.delete, store.location):
        with pytest.raises(ValueError, match="outside"):
            use(key)
    with pytest.raises(ValueError, match="outside"), store.open_write(key):
        pass


def test_what_is_not_there(store: LocalStore) -> None:
    with pytest.raises(FileNotFoundError):
        store.open_read("a")
    assert store.exists("a") is False
    store.delete("a")
    store.delete_folder("imports/a")


def test_a_folder_is_seen_by_its_names(store: LocalStore) -> None:
    folder = store.folder("imports/a")
    with folder.open_write("rejections/parsing.parquet") as file:
        file.write(b"x")
    assert folder.exists("rejections/parsing.parquet")
    assert store.exists("imports/a/rejections/parsing.parquet")
    assert folder.location("upload") == str(store.root / "imports/a/upload")
    written(store, "imports/b/upload", b"y")
    store.delete_folder("imports/a")
    assert not folder.exists("rejections/parsing.parquet")
    assert store.exists("imports/b/upload")
