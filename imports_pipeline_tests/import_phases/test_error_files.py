"""The errors files, written in columns, are byte for byte what the standard library writes row by row."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.filestore.stores import Folder
from imports_pipeline.import_phases.files import rejections
from imports_pipeline.import_phases.files.error_files import write_error_files
from imports_pipeline.import_phases.files.rejected_rows import rejected_rows
from imports_pipeline.import_phases.preparsing import preparse
from imports_pipeline.import_phases.prevalidation import prevalidate
from imports_pipeline.model import ids
from imports_pipeline.model.files import ERRORS_CSV, ERRORS_JSON, UPLOAD, Files
from imports_pipeline.model.imports import Import
from imports_pipeline.model.options import Options
from imports_pipeline.model.phases import Phase
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.import_phases.expected_error_files import expected_error_files

NASTY = "ab,;\"'\\\r\n\t=+-@09 é日😀\x00\x01\x1f\x7f\u2028\u200b"
GIVEN = {
    "encoding": "utf-8",
    "delimiter": ",",
    "quote": '"',
    "escape": "",
    "line_end": "crlf",
    "header_line": 1,
}
HEADER = ["name", "email", "external_id", "notes", "My own", ""]


def folder(root: str | Path, upload: bytes) -> Folder:
    files = LocalStore(Path(root)).folder("imports/one")
    with files.open_write(UPLOAD) as file:
        file.write(upload)
    return files


def checked(files: Files, **options: object) -> int:
    """Run phases 1 and 2; give the count of rejected rows."""
    now = datetime.now(UTC)
    given = Options.of({**GIVEN, **options})
    import_ = Import(ids.new_id(ids.IMPORT), "", "contact", given, Status.REQUESTED, "cli", now, now)
    first = prevalidate(import_, files, sync_rows=sys.maxsize)
    return first.error + preparse(import_, files).error


def written(files: Files) -> tuple[bytes, bytes]:
    with files.open_read(ERRORS_CSV) as one, files.open_read(ERRORS_JSON) as other:
        return one.read(), other.read()


def table(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


cells = st.text(NASTY, max_size=8) | st.sampled_from(
    ["", "=1+1", "+49 30", "-5", "-x", "'=x", "''-", "'tis", "@a", "\tx", "1e5", "a@example.com", "x@@y"]
)
rows_of_cells = st.lists(st.lists(cells, min_size=1, max_size=9), max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    rows_of_cells,
    st.sampled_from(
        [HEADER, [*HEADER[:3], "_line", "_code", "=x", "_message"], ['na"me\\', "name", "+a", "_phase"]]
    ),
    st.booleans(),
    st.integers(0, 2),
)
@example([["x", "bad", "", '"', "\\", "\n", "7", ",", "=8"]], HEADER, True, 0)
def test_columns_are_what_rows_are(rows: list, header: list, quotes_go_wrong: bool, later: int) -> None:
    upload = table([header, *rows, ["good", "bad"], ["whole", *["x"] * (len(header) - 1)]])
    if quotes_go_wrong:
        upload += b'"x"y,z\n"open,z\nd\xffe,\xc3\n'
    with TemporaryDirectory() as root:
        files = folder(root, upload)
        count = checked(files)
        count += reject_some(files, later)
        assert write_error_files(files) == count
        assert written(files) == expected_error_files(files)
        assert len(list(rejected_rows(files))) == count


def reject_some(files: Files, later: int) -> int:
    """Reject in transforming and validation what passed, each ``later``-th row; give the count."""
    if not later:
        return 0
    from imports_pipeline.import_phases.files.accepted_rows import Rows

    known = set(rejections.read(files, Phase.PREPARSING)["line"].to_pylist())
    with Rows(files) as rows:
        lines = [line for batch in rows.values([]) for line in batch["line"].to_pylist() if line not in known]
    lines = lines[::later]
    half = {Phase.TRANSFORMING: lines[::2], Phase.VALIDATION: lines[1::2]}
    for phase, chosen in half.items():
        errors = [
            rejections.table(chosen, "ambiguous_identity", "name", ['"q"\n'] * len(chosen), "=x; y"),
            rejections.table(chosen, "unknown_id", "email+name", [None] * len(chosen), "\\"),
        ]
        rejections.write(files, phase, errors)
    return len(lines)


def test_many_blocks_of_several_phases(tmp_path: Path) -> None:
    """Rows that three phases rejected in turn come in order of line, over the ends of row groups."""
    header = ["name", "email", "external_id", "notes"]
    rows = [
        [f"n{at}", "bad" if at % 3 == 0 else "", f"E-{at // 8}" if at % 4 == 0 else f"F-{at}", "x" * 900]
        for at in range(9_000)
    ]
    rows[4000].append("surplus")
    files = folder(tmp_path, table([header, *rows]))
    count = checked(files) + reject_some(files, 2)
    assert write_error_files(files) == count
    csv_file, json_file = (text.decode() for text in written(files))
    lines = [row["line"] for row in json.loads(json_file)]
    assert lines == sorted(set(lines))
    assert len(lines) == count
    shown = list(csv.DictReader(io.StringIO(csv_file, newline="")))
    assert [int(row["_line"]) for row in shown] == lines
    assert {row["_phase"] for row in shown} == {"prevalidation", "preparsing", "transforming", "validation"}
    for row in shown:
        assert row["name"] == f"n{int(row['_line']) - 2}"


def test_rows_and_errors_that_do_not_belong_together_are_a_fault(tmp_path: Path) -> None:
    files = folder(tmp_path, b"name,email\na,bad\nb,bad\nc,\n")
    checked(files)
    rejections.write(files, Phase.PREVALIDATION, [rejections.table([2], "invalid_email", "email", "", "")])
    with pytest.raises(RuntimeError, match="do not belong together"):
        write_error_files(files)
