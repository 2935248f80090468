"""What the message of a rejected row or a refused import says to do, done: then the row is accepted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.journeys import Imports


@dataclass(frozen=True)
class Remedy:
    """A row with an error, a part of the message that says what to do, and the row or options after it was done."""

    header: str
    row: str
    said: str
    mended: str
    options: dict[str, Any] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)
    resource: str = "contact"


REMEDIES = {
    "a national phone, written in full": Remedy(
        "name,phone", "Bob,4155550101", "write it as + and the country code", "Bob,+14155550101"
    ),
    "a national phone, with its region": Remedy(
        "name,phone", "Bob,4155550101", "or give default_region", "Bob,4155550101", given={"default_region": "US"}
    ),
    "something beside a number": Remedy(
        "name,phone", "Bob,after six: +14155550101", "write the number alone", "Bob,+14155550101"
    ),
    "a boolean": Remedy("name,is_primary", "Bob,perhaps", "write true or false", "Bob,true"),
    "a choice": Remedy(
        "name,resource", "Staff,person", "write contact or location", "Staff,contact", resource="group"
    ),
    "zeros that are right": Remedy(
        "name,external_id", "Bob,1234567890123450000", "write an apostrophe before the number",
        "Bob,'1234567890123450000",
    ),
    "a name that would be cleared, filled in": Remedy(
        "email,name", "bob@example.org,", "fill it in", "bob@example.org,Bob", options={"blank_cells": "clear"}
    ),
    "a name that would be cleared, kept": Remedy(
        "email,name", "ann@example.org,", "or set blank_cells to keep", "ann@example.org,",
        options={"blank_cells": "clear"}, given={"blank_cells": "keep"},
    ),
    "a group that is nearly named": Remedy(
        "name,groups.add", "Bob,sales team", "did you mean Sales Team?", "Bob,Sales Team"
    ),
    "a group with a quote": Remedy(
        "name,groups.add", 'Bob,"5"" pipe"', "quote one that holds a comma or a quote", 'Bob,"""5"""" pipe"""',
        given={"missing_groups": "create"},
    ),
    "a group that is not there": Remedy(
        "name,groups.add", "Bob,Nobody", "unknown_group", "Bob,Nobody", given={"missing_groups": "create"}
    ),
    "a damaged value of little weight": Remedy(
        "name,phone", "Bob,123", "invalid_phone", "Bob,123", given={"bad_cells": "leave_out"}
    ),
    "no name": Remedy(
        "name,email", ",bob@example.org", "name", ",bob@example.org", given={"missing_name": "email"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REMEDIES)
def test_what_the_message_says_helps(imports: Imports, case: str) -> None:
    remedy = REMEDIES[case]
    imports.completed('name,resource\nSales Team,contact\n"Main, West",contact\n', "group")
    imports.completed("name,email\nAnn,ann@example.org\n")
    refused = imports.run(f"{remedy.header}\n{remedy.row}\n", remedy.resource, **remedy.options)
    (row,) = imports.errors(refused)
    said = "; ".join(f"{error['message']} {error['code']}" for error in row["errors"])
    assert remedy.said in said
    mended = imports.run(
        f"{remedy.header}\n{remedy.mended}\n", remedy.resource, **{**remedy.options, **remedy.given}
    )
    assert (mended.status, mended.code) == (Status.COMPLETED, None), mended.reason
    assert mended.stats["rejected"] == 0
