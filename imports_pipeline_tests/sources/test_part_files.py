"""Several part files are one import: joined as one file would have been written, or refused by name."""

from __future__ import annotations

import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.filestore.s3 import S3Store
from imports_pipeline.filestore.stores import Folder
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.files import PARTS, UPLOAD
from imports_pipeline.model.options import Options
from imports_pipeline.model.statuses import Status
from imports_pipeline.reading import ReadOptions, describe
from imports_pipeline.sources import globs, part_files
from imports_pipeline_tests.journeys import Imports

NOW = 1_800_000_000.0
Join = Callable[..., bytes]


@pytest.fixture
def files(tmp_path: Path) -> Folder:
    return LocalStore(tmp_path / "store").folder("imports/x")


def join(folder: Path, files: Folder, contents: list[bytes], **options: Any) -> bytes:
    """Write the parts, fetch them, and give the upload."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for number, content in enumerate(contents):
        (folder / f"part-{number}.csv").write_bytes(content)
    part_files.fetch(str(folder / "*"), Options.of({"parts": True, **options}), files, limit=None, now=NOW)
    with files.open_read(UPLOAD) as upload:
        return upload.read()


BOM = b"\xef\xbb\xbf"
TABLE = [
    ("plain", [b"a,b\n1,2\n", b"a,b\n3,4\n"], b"a,b\n1,2\n3,4\n"),
    ("one part", [b"a,b\n1,2\n"], b"a,b\n1,2\n"),
    ("no final newline", [b"a,b\n1,2", b"a,b\n3,4", b"a,b\n5,6"], b"a,b\n1,2\n3,4\n5,6"),
    ("crlf, no final newline", [b"a,b\r\n1,2", b"a,b\r\n3,4"], b"a,b\r\n1,2\r\n3,4"),
    ("cr", [b"a,b\r1,2", b"a,b\r3,4\r"], b"a,b\r1,2\r3,4\r"),
    ("lf after crlf", [b"a,b\r\n1,2\r\n", b"a,b\n3,4\n"], b"a,b\r\n1,2\r\n3,4\n"),
    ("marks", [BOM + b"a,b\n1,2\n", BOM + b"a,b\n3,4\n"], BOM + b"a,b\n1,2\n3,4\n"),
    ("a mark in the second only", [b"a,b\n1,2\n", BOM + b"a,b\n3,4\n"], b"a,b\n1,2\n3,4\n"),
    (
        "gzip",
        [gzip.compress(b"a,b\n1,2\n"), b"a,b\n3,4\n", gzip.compress(b"a,b\n5,6")],
        b"a,b\n1,2\n3,4\n5,6",
    ),
    (
        "two gzip members",
        [b"a,b\n", gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n")],
        b"a,b\n1,2\n3,4\n",
    ),
    ("header only", [b"a,b\n1,2\n", b"a,b\n", b"a,b\n3,4\n"], b"a,b\n1,2\n3,4\n"),
    ("header alone first", [b"a,b", b"a,b\n3,4\n"], b"a,b\n3,4\n"),
    ("nothing", [b"", b"a,b\n1,2\n", b"", b"a,b\n3,4\n", b"\n\n"], b"a,b\n1,2\n3,4\n"),
    (
        "quoted header with a newline",
        [b'"a\nx",b\n1,2\n', b'"a\nx","b"\n"3\n3",4\n'],
        b'"a\nx",b\n1,2\n"3\n3",4\n',
    ),
    (
        "a preamble",
        [b"Export\n\na,b\n1,2\n3,4\n", b"Export\n\na,b\n5,6\n"],
        b"Export\n\na,b\n1,2\n3,4\n5,6\n",
    ),
    (
        "utf-16",
        ["﻿a,b\r\nä,2".encode("utf-16-le"), "﻿a,b\r\nö,4\r\n".encode("utf-16-le")],
        "﻿a,b\r\nä,2\r\nö,4\r\n".encode("utf-16-le"),
    ),
    ("ascii and utf-8", [b"a,b\n1,2\n", "a,b\nä,ö\n".encode()], "a,b\n1,2\nä,ö\n".encode()),
    (
        "windows-1252",
        ["a,b\nMüller,x\n".encode("cp1252"), "a,b\nGröße,y\n".encode("cp1252")],
        "a,b\nMüller,x\nGröße,y\n".encode("cp1252"),
    ),
]


@pytest.mark.parametrize(("contents", "joined"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_parts_are_joined(tmp_path: Path, files: Folder, contents: list[bytes], joined: bytes) -> None:
    assert join(tmp_path / "in", files, contents) == joined


MUCH = b"a,b\n" + b"x,y\n" * 800_000
REFUSED = [
    ("another header", [b"a,b\n1,2\n", b"a,c\n3,4\n"], "parts_differ", "its header is 'a, c', not 'a, b'"),
    ("another order", [b"a,b\n1,2\n", b"b,a\n3,4\n"], "parts_differ", "its header is 'b, a'"),
    ("another delimiter", [b"a,b\n1,2\n", b"a;b\n3;4\n"], "parts_differ", "its header is 'a;b'"),
    ("no header", [b"a,b\n1,2\n", b"3,4\n"], "parts_differ", "its header is '3, 4'"),
    ("another line end", [b"a,b\n1,2\n", b"a,b\r3,4\r"], "parts_differ", "has no header"),
    (
        "utf-8 and windows-1252",
        ["a,b\nMüller,Größe\n".encode(), "a,b\nMüller,Größe\n".encode("cp1252")],
        "parts_differ",
        "is windows-1252 and",
    ),
    (
        "another encoding far down",
        ["a,b\nMüller,Größe\n".encode(), MUCH + "Müller,Größe\n".encode("cp1252")],
        "parts_differ",
        "is windows-1252 and",
    ),
    (
        "utf-8 and utf-16",
        [b"a,b\n1,2\n", "﻿a,b\n3,4\n".encode("utf-16-le")],
        "parts_differ",
        "is utf-16-le and",
    ),
    ("utf-16 and utf-8", ["﻿a,b\n3,4\n".encode("utf-16-le"), b"a,b\n1,2\n"], "parts_differ", "is utf-8 and"),
    ("zip", [b"a,b\n1,2\n", b"PK\x03\x04..."], "parts_differ", "zip or XLSX"),
    ("zip first", [b"PK\x03\x04...", b"a,b\n1,2\n"], "parts_differ", "zip or XLSX"),
    ("damaged gzip", [b"a,b\n1,2\n", gzip.compress(b"a,b\n3,4\n")[:-9]], "not_a_table", "gzip"),
    ("no text", [b"a,b\n1,2\n", bytes(range(256)) * 64], "not_a_table", "is no text"),
]


@pytest.mark.parametrize(
    ("contents", "code", "says"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_cannot_be_joined_is_refused_by_name(
    tmp_path: Path, files: Folder, contents: list[bytes], code: str, says: str
) -> None:
    with pytest.raises(PermanentFailure) as refused:
        join(tmp_path / "in", files, contents)
    assert says in refused.value.reason
    assert refused.value.code == code
    bad = 0 if contents[0].startswith(b"PK") else 1
    assert f"part-{bad}.csv" in refused.value.reason
    assert not files.exists(UPLOAD), "nothing of it is left"


def test_an_encoding_that_is_given_is_not_guessed(tmp_path: Path, files: Folder) -> None:
    contents = ["a,b\nMüller,Größe\n".encode(), "a,b\nMüller,Größe\n".encode("cp1252")]
    assert join(tmp_path / "in", files, contents, encoding="windows-1252")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.lists(st.tuples(st.text('ab,"\n\r é☃', max_size=5), st.text("xyz ", max_size=3)), max_size=4),
        min_size=1,
        max_size=4,
    ),
    line_end=st.sampled_from(["\n", "\r\n"]),
    final=st.booleans(),
    mark=st.booleans(),
    packed=st.booleans(),
)
def test_every_row_of_every_part_is_read_and_found_again(
    tmp_path: Path,
    files: Folder,
    rows: list[list[tuple[str, str]]],
    line_end: str,
    final: bool,
    mark: bool,
    packed: bool,
) -> None:
    """Whatever is in the cells: what the reader reads of the upload are the parts' rows, and where they were."""

    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"'

    contents, expected = [], []
    for number, part in enumerate(rows):
        text, line = f"first,second{line_end}", 2
        for first, second in part:
            first = first.replace("\r\n", "\n").replace("\r", "")
            record = f"{quoted(f'{number}{first}')},{quoted(second)}"
            text += record + line_end
            expected.append((number, line, [f"{number}{first}", second]))
            line += 1 + record.count("\n")
        text = text if final else text.removesuffix(line_end)
        content = (BOM if mark else b"") + text.encode()
        contents.append(gzip.compress(content) if packed else content)
    upload = join(tmp_path / "in", files, contents, quote='"', delimiter=",")
    found = part_files.parts_of(files)
    supplied = len(upload) - sum(part["bytes"] for part in found)
    most = 0 if final else len(rows) - 1
    # Where the first part has a header and no line end, nothing tells which one it would have.
    assert 0 <= supplied <= most * len(line_end), "nothing but line ends is added"
    records = [
        one
        for one in describe("upload", io.BytesIO(upload), ReadOptions(quote='"', delimiter=","))
        if one["kind"] != "header"
    ]
    assert [one["cells"] for one in records] == [cells for _, _, cells in expected]
    for one, (number, line, _) in zip(records, expected, strict=True):
        (part,) = [
            p for p in found if p["lines"] and p["first_line"] <= one["line"] < p["first_line"] + p["lines"]
        ]
        assert part["uri"].endswith(f"part-{number}.csv")
        assert one["line"] - part["first_line"] + 1 + part["left_out"] == line


class TestGlobs:
    """Which files a pattern means, and in which order."""

    NAMES = ("part-10.csv", "part-2.csv", "part-1.csv", ".part-0.csv", "other.txt", "sub/part-3.csv")

    @pytest.mark.parametrize("kind", ["local", "s3"])
    def test_in_natural_order_and_not_across_folders(
        self, kind: str, tmp_path: Path, request: pytest.FixtureRequest
    ) -> None:
        if kind == "s3":
            store: Any = S3Store(request.getfixturevalue("bucket_url"))
        else:
            store = LocalStore(tmp_path)
        for name in self.NAMES:
            with store.open_write(f"in/{name}") as file:
                file.write(b"a\n1\n")
        pattern = store.uri("in/x").removesuffix("x")
        assert globs.matches(f"{pattern}part-*.csv") == [
            store.uri(f"in/part-{number}.csv") for number in (1, 2, 10)
        ]
        assert globs.matches(f"{pattern}part-?.csv") == [
            store.uri(f"in/part-{number}.csv") for number in (1, 2)
        ]
        assert globs.matches(f"{pattern}*/part-[0-9].csv") == [store.uri("in/sub/part-3.csv")]
        with pytest.raises(PermanentFailure, match="No file matches") as missing:
            globs.matches(f"{pattern}none-*.csv")
        assert missing.value.code == "source_not_found"
        globs.check_age(store.uri("in/part-1.csv"), "1m", 0.0)
        with pytest.raises(PermanentFailure) as old:
            globs.check_age(store.uri("in/part-1.csv"), "2h", 4_000_000_000.0)
        assert old.value.code == "source_too_old"
        assert "in/part-1.csv is" in old.value.reason

    def test_a_bucket_that_is_not_there(self, bucket_url: str) -> None:
        with pytest.raises(PermanentFailure) as missing:
            globs.matches("s3://no-such-bucket-here/part-*.csv")
        assert missing.value.code == "source_not_found"


class TestImports:
    """A whole import of several parts."""

    @staticmethod
    def parted(imports: Imports, folder: Path, contents: list[str], **options: Any) -> Any:
        folder.mkdir()
        for number, content in enumerate(contents, 1):
            (folder / f"part-{number}.csv").write_text(content)
        return imports.run(folder / "part-*.csv", parts=True, **options)

    def test_is_one_import(self, imports: Imports, tmp_path: Path) -> None:
        import_ = self.parted(
            imports, tmp_path / "in", ["name,email\nAnn,a@example.com", "name,email\nBob,b@example.com\n"]
        )
        assert import_.status is Status.COMPLETED
        assert imports.names() == ["Ann", "Bob"]
        first, second = import_.detected["parts"]
        assert (first["first_line"], first["lines"], first["left_out"]) == (1, 2, 0)
        assert (second["first_line"], second["lines"], second["left_out"]) == (3, 1, 1)
        assert second["uri"].endswith("part-2.csv")

    def test_the_errors_files_name_the_part_and_the_line_in_it(
        self, imports: Imports, tmp_path: Path
    ) -> None:
        contents = [
            "name,email\nAnn,a@example.com\nBad,nonsense",
            "name,email\n",
            'name,email\n"Bob\nB",b@example.com\nToo,many,cells\nWorse,nonsense\n',
        ]
        import_ = self.parted(imports, tmp_path / "in", contents)
        assert import_.stats["rejected"] == 3
        shown = [(row["file"][-10:], row["file_line"], row["line"]) for row in imports.errors(import_)]
        assert shown == [("part-1.csv", 3, 3), ("part-3.csv", 4, 6), ("part-3.csv", 5, 7)]
        table = imports.errors_csv(import_)
        assert [(row["_file"][-10:], row["_file_line"]) for row in table] == [
            ("part-1.csv", "3"),
            ("part-3.csv", "4"),
            ("part-3.csv", "5"),
        ]
        again = imports.run(imports.errors_file(import_).encode())
        assert imports.errors_file(again).splitlines()[0] == "name,email,_line,_phase,_code,_column,_message"

    def test_fails_by_the_name_of_the_part(self, imports: Imports, tmp_path: Path) -> None:
        import_ = self.parted(
            imports, tmp_path / "in", ["name,email\nAnn,a@example.com\n", "email,name\nx,y\n"]
        )
        assert (import_.status, import_.code) == (Status.FAILED, "parts_differ")
        assert "part-2.csv" in import_.reason

    @pytest.mark.parametrize("parted", [False, True])
    def test_a_source_that_is_too_old_fails(self, imports: Imports, tmp_path: Path, parted: bool) -> None:
        fresh, old = tmp_path / "1.csv", tmp_path / "2.csv"
        for path in (fresh, old):
            path.write_text("name\nAnn\n")
        os.utime(old, (1_700_000_000, 1_700_000_000))
        import_ = imports.run(tmp_path / "*.csv" if parted else old, parts=parted, max_age="26h")
        assert (import_.status, import_.code) == (Status.FAILED, "source_too_old")
        assert "2.csv" in import_.reason
        assert imports.run(fresh, max_age="26h").status is Status.COMPLETED

    def test_a_part_that_is_missing_altogether(self, imports: Imports, tmp_path: Path) -> None:
        import_ = imports.run(tmp_path / "none-*.csv", parts=True)
        assert (import_.status, import_.code) == (Status.FAILED, "source_not_found")

    def test_mode_sync_counts_all_parts(self, imports: Imports, tmp_path: Path) -> None:
        large = "name,notes\n" + f"A,{'x' * 100_000}\n" * 60
        import_ = self.parted(imports, tmp_path / "in", [large, large], mode="sync")
        assert (import_.status, import_.code) == (Status.FAILED, "sync_limit_exceeded")


def test_what_parts_json_holds(tmp_path: Path, files: Folder) -> None:
    join(tmp_path / "in", files, [b"a\n1\n", b"a\n2\n"])
    with files.open_read(PARTS) as file:
        assert [sorted(part) for part in json.load(file)] == [
            ["bytes", "first_line", "left_out", "lines", "uri"]
        ] * 2


def test_an_archive_of_parts_is_no_part(tmp_path: Path, files: Folder) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", "a\n1\n")
    with pytest.raises(PermanentFailure, match="zip or XLSX"):
        join(tmp_path / "in", files, [packed.getvalue()])
