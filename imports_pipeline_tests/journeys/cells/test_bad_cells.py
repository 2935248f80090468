"""Invalid values of optional fields: they reject their row, or are left out and listed (``bad_cells``)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from imports_pipeline.model.files import ERRORS_JSON
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import BadCells
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.options import Options
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.journeys import Imports

LEFT_OUT = ["cell_left_out"]
FILE = """external_id,name,email,phone,is_primary,groups.add,notes
E-1,Ann,ann@example.com,12,yes,,good but for its phone
E-2,Bob,bob@example.com,+4930901820,,,good
E-3,Cid,cid@,n/a,perhaps,",",bad but for its name
E-4,,d@example.com,+4930901821,,,no name
"""


def left_out(imports: Imports, content: str, resource: str = "contact", **options: Any) -> Import:
    import_ = imports.run(content, resource, bad_cells="leave_out", **options)
    assert import_.status is Status.COMPLETED, import_.reason
    return import_


def test_an_invalid_optional_value_is_left_out_and_listed(imports: Imports) -> None:
    import_ = left_out(imports, FILE)
    assert (import_.stats["created"], import_.stats["rejected"], import_.stats["warnings"]) == (3, 1, 2)
    ann, bob, cid = imports.records()
    assert (ann["name"], ann["email"], ann["phone"], ann["is_primary"]) == (
        "Ann",
        "ann@example.com",
        None,
        True,
    )
    assert (bob["phone"], bob["notes"]) == ("+4930901820", "good")
    assert (cid["email"], cid["phone"], cid["is_primary"], cid["groups"]) == (None, None, None, [])
    assert imports.codes(import_) == {2: LEFT_OUT, 4: LEFT_OUT * 4, 5: ["nothing_to_create_from"]}
    first, second, _ = imports.errors(import_)
    (error,) = first["errors"]
    assert (error["column"], error["value"]) == ("phone", "12")
    assert error["message"].startswith("left out, its row counts without it: ")
    assert [one["column"] for one in second["errors"]] == ["email", "phone", "is_primary", "groups.add"]
    (notice,) = [one for one in import_.notices if one["code"] == "cells_left_out"]
    assert "5 invalid values were left out of 2 rows (2 × `phone`, " in notice["message"]


def test_rows_are_rejected_without_the_option(imports: Imports) -> None:
    import_ = imports.run(FILE)
    assert imports.names() == ["Bob"]
    assert (import_.stats["rejected"], "warnings" in import_.stats) == (3, False)
    assert imports.codes(import_)[2] == ["invalid_phone"]
    assert import_.as_object()["bad_cells"] == "reject"


def test_the_errors_file_can_be_imported_again(imports: Imports) -> None:
    first = left_out(imports, FILE)
    before = imports.records()
    again = left_out(imports, imports.errors_file(first))
    assert (again.stats["unchanged"], again.stats["updated"], again.stats["created"]) == (2, 0, 0)
    assert imports.records() == before
    assert imports.codes(again) == {2: LEFT_OUT, 3: LEFT_OUT * 4, 4: ["nothing_to_create_from"]}
    corrected = imports.errors_file(first).replace(",12,", ",+4930901822,")
    assert left_out(imports, corrected).stats["updated"] == 1
    assert imports.one("Ann")["phone"] == "+4930901822"
    assert len(imports.records()) == 3


def test_a_left_out_value_is_not_cleared(imports: Imports) -> None:
    imports.locations("Berlin")
    imports.completed("name,resource\nStaff,contact\n", "group")
    imports.completed(
        "external_id,name,phone,alternate_phones.home,is_primary,metadata.a,groups,locations,notes\n"
        "E-1,Ann,+4930901820,+4930901821,yes,1,Staff,Berlin,old\n"
    )
    header = "external_id,name,phone,alternate_phones.home,is_primary,groups,locations,notes\n"
    bad = f'{header}E-1,Ann,1,2,3,",",",",\nE-2,Bob,,,yes,,,\n'
    import_ = left_out(imports, bad, blank_cells="clear")
    assert imports.codes(import_) == {2: LEFT_OUT * 5}
    ann = imports.one("Ann")
    assert (ann["phone"], ann["alternate_phones"], ann["is_primary"]) == (
        "+4930901820",
        {"home": "+4930901821"},
        True,
    )
    assert (ann["groups"], ann["locations"], ann["notes"]) == (["Staff"], ["Berlin"], None)
    assert left_out(imports, bad, blank_cells="clear").stats["unchanged"] == 2
    blank = "external_id,name,phone,alternate_phones.home,is_primary,groups\nE-1,Ann,,,,\n"
    left_out(imports, blank, blank_cells="clear")
    assert (imports.one("Ann")["phone"], imports.one("Ann")["groups"]) == (None, [])


@pytest.mark.parametrize(
    ("row", "codes"),
    [
        # The key that decides is needed: without it the row would be another record.
        ("grp_1,,Ann,ann@example.com,", ["invalid_id"]),
        (",1.5E+11,Ann,ann@example.com,", ["shortened_number"]),
        (",,Ann,ann@example,", ["invalid_email"]),
        # Everything that is wrong with a rejected row is said.
        (",,Ann,ann@example,12", ["invalid_email", "invalid_phone"]),
        (f",E-1,{'n' * 256},ann@example.com,12", ["value_too_long", "invalid_phone"]),
        (",,,n/a,+4930901820", ["required_value", "invalid_email"]),
        # A later key may be left out, and what is nobody's address counts as blank.
        (",E-1,Ann,ann@example,", LEFT_OUT),
        (",,Ann,n/a,+4930901820", LEFT_OUT),
        (f",E-1,Ann,,{'9' * 70}", LEFT_OUT),
    ],
)
def test_a_row_must_still_show_whose_it_is(imports: Imports, row: str, codes: list[str]) -> None:
    import_ = imports.run(f"id,external_id,name,email,phone\n{row}\n,E-9,Good,,\n", bad_cells="leave_out")
    assert imports.codes(import_) == {2: codes}
    assert import_.stats["created"] == (2 if codes == LEFT_OUT else 1)


def test_a_row_that_is_rejected_later_is_listed_once(imports: Imports) -> None:
    import_ = left_out(imports, "name,email,phone\nA,a@example.com,1\nB,A@example.com,\nC,c@example.com,2\n")
    assert imports.codes(import_) == {2: ["duplicate_row"], 3: ["duplicate_row"], 4: LEFT_OUT}
    assert (import_.stats["rejected"], import_.stats["warnings"]) == (2, 1)


def test_an_overwrite_keeps_the_records_of_rows_without_a_value(imports: Imports) -> None:
    imports.completed(
        "external_id,name,email,phone\nE-1,Ann,a@example.com,+4930901820\n,Bob,b@example.com,\n"
    )
    before = imports.records()
    bad = "external_id,name,email,phone\nE-1,Ann,a@,12\n,Bob,n/a,\n"
    import_ = left_out(imports, bad, action="overwrite")
    assert imports.codes(import_) == {2: LEFT_OUT * 2, 3: ["invalid_email"]}
    assert (import_.stats["overwritten"], import_.stats["unchanged"]) == (0, 1)
    assert imports.records() == before


def test_groups_and_items(imports: Imports) -> None:
    import_ = left_out(imports, 'name,resource,children.add\nStaff,contact,","\n', "group")
    assert imports.codes(import_) == {2: LEFT_OUT}
    assert imports.names("group") == ["Staff"]


def test_left_out_values_are_no_errors_of_max_errors(imports: Imports) -> None:
    import_ = left_out(imports, FILE.rsplit("E-4", 1)[0], max_errors=0)
    assert (import_.stats["rejected"], import_.has_errors_file) == (0, True)
    with imports.workflow.files(import_).open_read(ERRORS_JSON) as file:
        assert len(json.load(file)) == 2


def test_defaults_of_a_known_file_hold_where_nothing_was_given() -> None:
    known = {"bad_cells": "leave_out", "missing_groups": "create", "missing_name": "email"}
    assert Options.of({}).with_defaults(known).bad_cells is BadCells.LEAVE_OUT
    given = Options.of({"bad_cells": "reject"}).with_defaults(known)
    assert (given.bad_cells, given.missing_name) == (BadCells.REJECT, "email")
    assert Options.of(given.as_dict()) == given
    assert Options.of({}).shown()["missing_groups"] == "reject"
    with pytest.raises(InvalidOption):
        Options.of({"bad_cells": "drop"})
