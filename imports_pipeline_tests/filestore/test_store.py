"""The contract of file stores, on both: a file is there whole or not at all, and none lies outside."""

from __future__ import annotations

import gc
import io
import os
import subprocess
import sys
import time
import tracemalloc
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.filestore.stores import FileReplaced, Store, Swept
from imports_pipeline.model.files import UPLOAD
from imports_pipeline.sources import fetching
from imports_pipeline_tests.filestore.stored import MIB, content, keys, leftovers, put

ODD = "in/ü ö €/a,b;#?&+%20='\"*[x]~.csv"


def test_a_file_appears_when_it_is_whole(store: Store) -> None:
    with store.open_write("imports/a/upload") as file:
        file.write(b"half")
        file.flush()
        assert not store.exists("imports/a/upload")
        assert keys(store) == []
    assert content(store, "imports/a/upload") == b"half"
    assert leftovers(store) == []


@pytest.mark.parametrize("size", [0, 1, 20 * MIB])
def test_a_file_of_any_size(store: Store, size: int) -> None:
    put(store, "a", data := bytes(range(256)) * (size // 256) + b"." * (size % 256))
    found = store.stat("a")
    assert found is not None
    assert found.size == size
    assert content(store, "a") == data


@pytest.mark.parametrize("size", [5, 20 * MIB])
def test_a_write_that_fails_leaves_the_file_before(store: Store, size: int) -> None:
    put(store, "a", b"before")

    def interrupted() -> None:
        with store.open_write("a") as file:
            # What wraps a file closes it when it is collected; that must not put it in place.
            text = io.TextIOWrapper(file, "utf-8", write_through=True)
            for _ in range(4):
                text.write("x" * (size // 4))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    gc.collect()
    assert content(store, "a") == b"before"
    assert (keys(store), leftovers(store)) == (["a"], [])


def test_a_killed_writer_leaves_no_file(store: Store, tmp_path: Path) -> None:
    url = str(store.root) if isinstance(store, LocalStore) else store.uri("x").removesuffix("/x")
    module = "imports_pipeline_tests.filestore.writer"
    with subprocess.Popen(
        [sys.executable, "-m", module, url, "in/a"], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        process.kill()
    assert leftovers(store), "the writer was killed while it wrote"
    assert (store.exists("in/a"), keys(store), store.stat("in/a")) == (False, [], None)
    put(store, "in/a", b"whole")
    assert [(file.key, file.size) for file in store.list("in")] == [("in/a", 5)]
    assert store.sweep(before=time.time() - 3600) == Swept(0)
    assert store.sweep(before=time.time() + 3600) == Swept(1)
    assert (keys(store), leftovers(store)) == (["in/a"], [])


def test_the_last_of_two_writers_wins_whole(store: Store) -> None:
    with store.open_write("a") as one, store.open_write("a") as other:
        one.write(b"first" * 1000)
        other.write(b"second")
    assert content(store, "a") == b"first" * 1000, "the outer block ends last"


def test_memory_does_not_grow_with_the_file(store: Store) -> None:
    put(store, "warm-up")
    assert content(store, "warm-up") == b"x"
    size, block = 64 * MIB, bytes(MIB)
    tracemalloc.start()
    try:
        with store.open_write("a") as file:
            for _ in range(size // MIB):
                file.write(block)
        read = 0
        with store.open_read("a") as source:
            while found := source.read(MIB):
                read += len(found)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert read == size
    assert peak < 40 * MIB


def test_positions(store: Store) -> None:
    data = os.urandom(12 * MIB)
    put(store, "a", data)
    with store.open_read("a") as file:
        assert file.seekable()
        for position, length in [
            (0, 4),
            (9 * MIB, 100),
            (4 * MIB - 2, 4),
            (12 * MIB - 3, 100),
            (20 * MIB, 1),
        ]:
            assert file.seek(position) == position
            assert file.read(length) == data[position : position + length]
        assert file.seek(-5, io.SEEK_END) == len(data) - 5
        assert file.seek(2, io.SEEK_CUR) == len(data) - 3
        assert file.read() == data[-3:]


def test_parquet(store: Store) -> None:
    table = pa.table({f"c{n}": pa.array(range(n, n + 200_000)) for n in range(5)})
    with store.open_write("rows.parquet") as file, pq.ParquetWriter(file, table.schema) as writer:
        for start in range(0, table.num_rows, 50_000):
            writer.write_table(table.slice(start, 50_000))
    with store.open_read("rows.parquet") as source:
        parquet = pq.ParquetFile(source)
        assert parquet.num_row_groups == 4
        assert parquet.read_row_group(2, ["c3"]).equals(table.select(["c3"]).slice(100_000, 50_000))
        assert pa.Table.from_batches(parquet.iter_batches(30_000)).equals(table)


def test_what_is_not_there(store: Store) -> None:
    put(store, "imports/a/upload")
    for key in ("a", "imports", "imports/a", "imports/a/upload/x"):
        with pytest.raises(FileNotFoundError):
            store.open_read(key)
        with pytest.raises(FileNotFoundError):
            store.move(key, "b")
        assert (store.exists(key), store.stat(key)) == (False, None)
        store.delete(key)
    store.delete_folder("imports/b")
    store.delete_folder("imports/a/upload")
    assert (keys(store, "nothing"), keys(store)) == ([], ["imports/a/upload"])


BAD = ["", "/", "/etc/passwd", "..", "../x", "a/../../x", "a/..", ".", "a/./b", "a//b", "a/", "a\\b", "a\0b",
       "\udcff", "x" * 1025]  # fmt: skip


@pytest.mark.parametrize("key", BAD, ids=range(len(BAD)))
def test_no_key_leads_outside(store: Store, key: str) -> None:
    uses = (store.open_read, store.exists, store.stat, store.delete, store.location, store.uri, store.url)
    for use in uses:
        with pytest.raises(ValueError, match=r"key|outside"):
            use(key)
    for signing in (
        lambda: store.signed_download(key, 60),
        lambda: store.signed_upload(key, 60, limit=1),
        lambda: store.move(key, "b"),
        lambda: store.move("b", key),
    ):
        with pytest.raises(ValueError, match=r"key|outside"):
            signing()
    with pytest.raises(ValueError, match=r"key|outside"), store.open_write(key):
        pass


@pytest.mark.parametrize("key", ["", "/", "..", "a/../..", "/etc"])
def test_no_folder_leads_outside(store: Store, key: str) -> None:
    with pytest.raises(ValueError, match=r"key|outside"):
        store.delete_folder(key)
    if key:
        with pytest.raises(ValueError, match=r"key|outside"):
            store.list(key)


def test_a_listing_is_in_order_and_recursive(store: Store) -> None:
    for key in (names := ["a", "b/a", "b/c/d", "b/c/e", "b/f", "c", "d/1", "d/10", "d/2", "é", "ž"]):
        put(store, key, key.encode())
    assert keys(store) == names
    assert keys(store, "b") == keys(store, "b/") == names[1:5]
    assert keys(store, after="b/c/d") == names[3:]
    assert keys(store, "b", after="b/c/e") == ["b/f"]
    assert keys(store, "b", after="z") == []
    for gone, left in (("b/c/dd", 3), ("b/d", 4), ("b/zz", 5), ("A", 0)):
        assert keys(store, after=gone) == names[left:], "the file may have gone since"
    assert [file.size for file in store.list("b")] == [3, 5, 5, 3]
    assert [file.key for file in islice(store.list(""), 3)] == names[:3]


def test_a_listing_shows_files_alone(store: Store) -> None:
    """Not what is emptied, still being written, or kept by other tools in place of a folder."""
    put(store, "uploads/kept.csv")
    put(store, "uploads/emptied/a")
    put(store, "uploads/emptied/deeper/b")
    put(store, "uploads/partial.csv.part")
    put(store, "uploads/marked_$folder$")
    for key in ("uploads/emptied/a", "uploads/emptied/deeper/b"):
        store.delete(key)
    with store.open_write("uploads/now.csv") as file:
        file.write(b"x")
        assert keys(store) == keys(store, "uploads") == ["uploads/kept.csv"]
    assert keys(store) == ["uploads/kept.csv", "uploads/now.csv"]
    store.delete_folder("uploads")
    assert keys(store) == []
    assert not store.exists("uploads/partial.csv.part")


def test_a_listing_is_of_now(store: Store) -> None:
    """Another process writes and removes between two looks."""
    assert keys(store, "in") == []
    put(store, "in/a", b"one")
    (first,) = store.list("in")
    assert store.stat("in/a") == first
    put(store, "in/a", b"two")
    (second,) = store.list("in")
    assert second.version != first.version
    assert store.stat("in/a") == second
    assert second.modified >= first.modified > 1_700_000_000
    store.delete("in/a")
    assert (keys(store, "in"), store.exists("in/a")) == ([], False)


def test_a_file_keeps_its_version_until_it_changes(store: Store) -> None:
    put(store, "a", b"one")
    before = store.stat("a")
    put(store, "b", b"two")
    assert content(store, "a") == b"one"
    assert store.stat("a") == before


def test_moving(store: Store) -> None:
    put(store, "uploads/a.csv", b"new")
    put(store, "done/a.csv", b"old")
    found = store.stat("uploads/a.csv")
    assert found is not None
    store.move("uploads/a.csv", "done/a.csv", version=found.version)
    assert keys(store) == ["done/a.csv"]
    assert content(store, "done/a.csv") == b"new"
    store.move("done/a.csv", "done/a.csv")
    store.move("done/a.csv", "deep/er/a.csv")
    assert (keys(store), content(store, "deep/er/a.csv")) == (["deep/er/a.csv"], b"new")


def test_another_version_is_not_moved(store: Store) -> None:
    put(store, "a", b"one")
    found = store.stat("a")
    assert found is not None
    put(store, "a", b"two")
    with pytest.raises(FileReplaced):
        store.move("a", "b", version=found.version)
    assert (keys(store), content(store, "a")) == (["a"], b"two")


def test_any_name_that_people_give(store: Store) -> None:
    put(store, ODD, b"odd")
    (found,) = store.list("in")
    assert found.key == ODD
    with fetching.open_source(store.uri(ODD)) as file:
        assert file.read() == b"odd"
    store.move(ODD, f"done/{ODD}")
    assert content(store, f"done/{ODD}") == b"odd"
    store.delete_folder(f"done/{ODD.rpartition('/')[0]}")
    assert keys(store) == []


def test_a_folder_is_seen_by_its_names(store: Store) -> None:
    folder = store.folder("imports/a")
    with folder.open_write("rejections/parsing.parquet") as file:
        file.write(b"x")
    assert folder.exists("rejections/parsing.parquet")
    assert content(store, "imports/a/rejections/parsing.parquet") == b"x"
    assert folder.location("upload") == store.location("imports/a/upload")
    assert folder.url("upload") == store.url("imports/a/upload")
    put(store, "imports/b/upload", b"a,b\n")
    put(store, "imports/a2/upload")
    store.delete_folder("imports/a")
    assert keys(store) == ["imports/a2/upload", "imports/b/upload"]
    digest = fetching.fetch(store.uri("imports/b/upload"), folder)
    assert len(digest) == 64
    with folder.open_read(UPLOAD) as upload:
        assert upload.read() == b"a,b\n"
    folder.delete(UPLOAD)
    assert not folder.exists(UPLOAD)
    store.check()
