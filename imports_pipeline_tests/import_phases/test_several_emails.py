"""Cells with several email addresses behind the rows that the plan of columns was made from."""

from __future__ import annotations

from pathlib import Path

from imports_pipeline.import_phases.files import rejections
from imports_pipeline.import_phases.files.accepted_rows import Rows
from imports_pipeline.import_phases.files.error_files import write_error_files
from imports_pipeline.model.files import ERRORS_CSV
from imports_pipeline.model.phases import Phase
from imports_pipeline_tests.import_phases.test_error_files import checked, folder

PLAIN = "".join(f"Ann {number},a{number}@example.org\r\n" for number in range(3000))


def test_the_other_addresses_of_a_late_cell_arrive(tmp_path: Path) -> None:
    files = folder(
        tmp_path, f"name,email\r\n{PLAIN}Bob,b@example.org; c@example.org\r\nCid,bad; worse\r\n".encode()
    )
    assert checked(files) == 1
    with Rows(files) as rows:
        (last,) = [batch.to_pylist()[-1] for batch in rows.values(["email", "alternate_emails.other"])][-1:]
    assert (last["email"], last["alternate_emails.other"]) == ("b@example.org", "c@example.org")
    (error,) = rejections.first(files, Phase.PREVALIDATION, 5)
    assert (error["column"], error["value"]) == ("email", "bad; worse")
    write_error_files(files)
    with files.open_read(ERRORS_CSV) as file:
        assert file.read().splitlines()[1].startswith(b"Cid,bad; worse,3003,")


def test_blank_cells_that_clear_leave_such_a_cell_rejected(tmp_path: Path) -> None:
    files = folder(tmp_path, f"name,email\r\n{PLAIN}Bob,b@example.org; c@example.org\r\n".encode())
    assert checked(files, blank_cells="clear") == 1
