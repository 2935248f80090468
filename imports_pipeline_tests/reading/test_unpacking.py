"""What a small file may unpack to: how much of one that was made to be large is unpacked, and what is said of it."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
import zlib
from typing import Any

import pytest

from imports_pipeline.reading import NotATable, ReadOptions, archives, open_table
from imports_pipeline.reading.unpacking import UnpackingLimits
from imports_pipeline.reading.xlsx import measuring
from imports_pipeline_tests.reading.xlsx.workbooks import changed, workbook

SHEET = "xl/worksheets/sheet1.xml"


def refusal(data: bytes, **options: Any) -> NotATable:
    with pytest.raises(NotATable) as caught:
        open_table(io.BytesIO(data), ReadOptions(**options))
    return caught.value


def test_a_gzip_is_unpacked_no_further_than_a_file_of_its_size_may() -> None:
    limit = 64 * 1024 * 1024
    packed = gzip.compress(b"name\n" + b"Ada\n" * 20_000_000, 9)
    unpacked = []
    with pytest.raises(NotATable, match=f"more than {limit:,} bytes, which is over 100 times") as caught:
        unpacked.extend(len(piece) for piece in archives.gunzipped(io.BytesIO(packed), UnpackingLimits()))
    assert caught.value.code == "too_large_unpacked"
    assert 0 < sum(unpacked) <= limit


def test_a_file_that_packs_well_because_it_is_regular_is_read() -> None:
    text = "name,a,b,c,d,e,f,g,h\n" + "".join(f"Person {n},,,,,,,,\n" for n in range(20_000))
    packed = gzip.compress(text.encode(), 9)
    assert sum(batch.cells.num_rows for batch in open_table(io.BytesIO(packed)).batches()) == 20_000


@pytest.mark.parametrize("rows", [49, 50, 51, 200])
def test_rows_of_a_sheet_are_counted_wherever_the_pieces_end(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = workbook([["name"], *([[f"P {n}"] for n in range(rows - 1)])])
    monkeypatch.setattr(measuring, "MOST_ROWS", 50)
    for size in (1, 7, 64, 65, 1000):
        monkeypatch.setattr(archives, "_CHUNK_BYTES", size)
        if rows <= 50:
            assert open_table(io.BytesIO(data)).header == ("name",)
        else:
            assert refusal(data).code == "too_many_rows"


def test_more_rows_than_a_sheet_can_have_are_refused() -> None:
    row = b"<row><c/></row>" * 1_100_000
    assert (
        refusal(changed(workbook([["a"]]), SHEET, b"</sheetData>", row + b"</sheetData>")).code
        == "too_many_rows"
    )


def test_a_workbook_that_states_too_much_is_not_unpacked_at_all() -> None:
    class Untouched(zipfile.ZipFile):
        def open(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("a part was unpacked")

    data = changed(workbook([["a"]]), "xl/styles.xml", b"</styleSheet>", b" " * 5_000_000 + b"</styleSheet>")
    with pytest.raises(NotATable, match="unpacks to more than 1,000,000 bytes"):
        measuring.measure(Untouched(io.BytesIO(data)), len(data), UnpackingLimits(xml_bytes=1_000_000))


@pytest.mark.parametrize("limit", [1_000_000, 10_000_000])
def test_a_workbook_that_states_too_little_is_unpacked_no_further_than_it_may(limit: int) -> None:
    """Its stated size and checksum are those of the first bytes, which readers that believe them find right."""
    stated = 300
    data = bytearray(changed(workbook([["a"]]), SHEET, b"</sheetData>", b" " * 5_000_000 + b"</sheetData>"))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        checksum = zlib.crc32(archive.read(SHEET)[:stated])
        local = archive.getinfo(SHEET).header_offset
    central = data.rindex(SHEET.encode()) - 46
    for begin in (local + 14, central + 16):
        struct.pack_into("<I", data, begin, checksum)
        struct.pack_into("<I", data, begin + 8, stated)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.read(SHEET)) == stated, "the lie is believed"
    error = refusal(bytes(data), unpacking=UnpackingLimits(xml_bytes=limit))
    assert error.code == ("too_large_unpacked" if limit == 1_000_000 else "not_a_table")


def test_a_few_cells_far_away_are_refused_and_a_full_table_is_not() -> None:
    few = workbook([["name"], ["Ada"]])
    far = changed(few, SHEET, b'r="A2"', b'r="XFD1000"')
    assert refusal(far).code == "file_too_large"
    near = changed(few, SHEET, b'r="A2"', b'r="Z1000"')
    assert open_table(io.BytesIO(near)).header == ("name",)


def test_a_workbook_of_honest_text_is_far_from_the_limits() -> None:
    noise = random.Random(1)
    rows = [["name", "email"], *([f"P {n}", f"{noise.getrandbits(40)}@example.com"] for n in range(3000))]
    data = workbook(rows)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert sum(entry.file_size for entry in archive.infolist()) < 30 * len(data)
    assert sum(batch.cells.num_rows for batch in open_table(io.BytesIO(data)).batches()) == 3000
