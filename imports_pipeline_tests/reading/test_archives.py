"""gzip and zip: read when there is one file inside, refused when not safe."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from imports_pipeline.reading import NotATable, ReadOptions, open_table
from imports_pipeline.reading.unpacking import UnpackingLimits
from imports_pipeline_tests.reading.xlsx.workbooks import workbook

TEXT = b"name,city\nAnna,Paris\nBob,Rome\n"


def zipped(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def refused(data: bytes, **options) -> str:
    with pytest.raises(NotATable) as refusal:
        open_table(io.BytesIO(data), ReadOptions(**options))
    return refusal.value.code


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (gzip.compress(TEXT), "gzip"),
        (gzip.compress(TEXT[:10]) + gzip.compress(TEXT[10:]), "gzip"),
        (zipped(("export.csv", TEXT)), "zip"),
        (zipped(("in/a/folder/export.csv", TEXT), ("__MACOSX/._export.csv", b"\0")), "zip"),
    ],
)
def test_one_file_inside(data: bytes, kind: str) -> None:
    table = open_table(io.BytesIO(data))
    (batch,) = table.batches()
    assert table.detected.compression == kind
    assert batch.cells.column(0).to_pylist() == ["Anna", "Bob"]
    assert batch.byte_offset.to_pylist() == [10, 21]


@pytest.mark.parametrize(
    "members",
    [
        [("a.csv", TEXT), ("b.csv", TEXT)],
        [],
        [("../a.csv", TEXT)],
        [("x/../../a.csv", TEXT)],
        [("/etc/a.csv", TEXT)],
        [("..\\a.csv", TEXT)],
        [("C:\\a.csv", TEXT)],
    ],
)
def test_unsafe_zips(members: list[tuple[str, bytes]]) -> None:
    assert refused(zipped(*members)) == "unsafe_archive"


def test_an_encrypted_zip() -> None:
    data = bytearray(zipped(("a.csv", TEXT)))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + flags] |= 1
    assert refused(bytes(data)) == "unsafe_archive"


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: zipped(("a.csv", data))])
def test_bombs(pack) -> None:
    assert (
        refused(pack(b"\0" * 20_000_000), unpacking=UnpackingLimits(bytes=1_000_000)) == "too_large_unpacked"
    )


def test_a_zip_that_lies_about_its_size() -> None:
    data = bytearray(zipped(("a.csv", b"x" * 5_000_000)))
    for signature, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        begin = data.index(signature) + at
        data[begin : begin + 4] = (10).to_bytes(4, "little")
    assert refused(bytes(data), unpacking=UnpackingLimits(bytes=1_000_000)) in (
        "too_large_unpacked",
        "not_a_table",
    )


def test_a_zip_of_very_many_files() -> None:
    assert refused(zipped(*((f"{'n' * 200}{n}.csv", b"") for n in range(40_000)))) == "unsafe_archive"


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(TEXT * 1000)[:-20],
        gzip.compress(TEXT)[:12] + b"\xff" * 30,
        zipped(("a.csv", TEXT))[:-10],
    ],
)
def test_damaged_archives(data: bytes) -> None:
    assert refused(data) == "not_a_table"


def test_nothing_inside() -> None:
    assert refused(gzip.compress(b"")) == "empty_file"
    assert refused(zipped(("a.csv", b""))) == "empty_file"


@pytest.mark.parametrize(
    ("told", "content", "rows"),
    [
        ("gzip", gzip.compress(b"a,b\n1,2\n"), 1),
        ("none", b"a,b\n1,2\n", 1),
        ("gzip", b"a,b\n1,2\n", None),
        ("zip", b"a,b\n1,2\n", None),
        ("zip", gzip.compress(b"a,b\n1,2\n"), None),
        ("none", gzip.compress(b"a,b\n1,2\n"), None),
    ],
)
def test_what_a_file_is_packed_with_can_be_told(told: str, content: bytes, rows: int | None) -> None:
    if rows is None:
        with pytest.raises(NotATable) as refused:
            open_table(io.BytesIO(content), ReadOptions(compression=told))
        assert refused.value.code in ("not_a_table", "undecodable_file")
    else:
        (batch,) = open_table(io.BytesIO(content), ReadOptions(compression=told)).batches()
        assert batch.cells.num_rows == rows


def test_a_workbook_is_read_as_one_unless_it_is_told_to_be_a_zip() -> None:
    data = workbook([["a", "b"], ["1", "2"]])
    (batch,) = open_table(io.BytesIO(data), ReadOptions(compression="none")).batches()
    assert batch.cells.num_rows == 1
    with pytest.raises(NotATable):
        open_table(io.BytesIO(data), ReadOptions(compression="zip"))
