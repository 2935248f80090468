"""Cells below the sample that show that a column means something else than the sample shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from imports_pipeline.import_phases.files import rejections
from imports_pipeline.import_phases.files.accepted_rows import Rows
from imports_pipeline.import_phases.files.error_files import write_error_files
from imports_pipeline.model.files import ERRORS_CSV
from imports_pipeline.model.ids import CONTACT, new_id
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


@pytest.mark.parametrize("decoration", ["{}", "'{}", '=""{}""', " {}"])
@pytest.mark.parametrize("external_id", [False, True], ids=["", "beside an external id"])
def test_ids_of_this_system_are_ids_wherever_they_stand(
    tmp_path: Path, external_id: bool, decoration: str
) -> None:
    names, more = ("id,name,external_id", ",E-{}") if external_id else ("id,name", "")
    rows = "".join(f"X-{n},Ann {n}{more.format(n)}\r\n" for n in range(3000))
    ours = new_id(CONTACT)
    last = f'"{decoration.format(ours)}",Bob{more.format("last")}\r\n'
    files = folder(tmp_path, f"{names}\r\n{rows}{last}".encode())
    assert checked(files) == 3000
    with Rows(files) as found:
        assert [one["id"] for batch in found.values(["id"]) for one in batch.to_pylist()] == [ours]
    assert {error["code"] for error in rejections.first(files, Phase.PREVALIDATION, 5)} == {"invalid_id"}


def test_ids_of_another_system_alone_stay_external_ids(tmp_path: Path) -> None:
    rows = "".join(f"X-{n},Ann {n}\r\n" for n in range(3000))
    files = folder(tmp_path, f"id,name\r\n{rows}".encode())
    assert checked(files) == 0
    with Rows(files) as found:
        assert next(found.values(["external_id"])).to_pylist()[0]["external_id"] == "X-0"


def test_an_external_id_that_is_filled_in_late_is_one(tmp_path: Path) -> None:
    rows = "".join(f"X-{n},Ann {n},\r\n" for n in range(3000))
    files = folder(tmp_path, f"id,name,external_id\r\n{rows}X-last,Bob,E-1\r\n".encode())
    assert checked(files) == 0
    with Rows(files) as found:
        values = [one["external_id"] for batch in found.values(["external_id"]) for one in batch.to_pylist()]
    assert values == [None] * 3000 + ["E-1"]
