"""Columns that somebody has remembered are understood by themselves, and one can choose otherwise."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import expect

from imports_pipeline_tests.api.serving import Api, data_of
from imports_pipeline_tests.pages.conftest import Keys
from imports_pipeline_tests.pages.serving import Person
from imports_pipeline_tests.pages.test_send import imported

pytestmark = pytest.mark.browser

FIRST = b"Person,E-mail\nAnn,ann@example.com\n"
NEXT = b"person,e-mail\nBob,bob@example.com\nCid,cid@example.com\n"


def test_columns_that_were_remembered(somebody: Callable[..., Person], key: Keys, api: Api) -> None:
    text = key()
    first = imported(api, text, FIRST, dry_run="true")
    wanted = {"rows": [], "column_mapping": {"name": "Person"}, "save_as": "club"}
    url, headers = f"{api.url}/v1/imports/{first['id']}/corrections", {"X-API-KEY": text}
    data_of(httpx.post(url, headers=headers, json=wanted, timeout=60), 201)
    ann = somebody()
    ann.sign_in(text)
    ann.send("next.csv", NEXT)
    ann.sees("2 will be created.")
    ann.follow("How the columns were understood")
    ann.sees("as it was remembered under the name club")
    ann.can_be_used_by_all()
    # Leave out a column that the remembered mapping does not name.
    ann.field("Field of the column e-mail").select_option("not used")
    ann.click("Check again with these fields")
    ann.sees("2 will be created.")
    ann.page.go_back()
    ann.click("Check again without club")
    ann.sees("Columns of the file that are used: 1. Not used: 1.")
    expect(ann.page.locator("#remembered")).to_have_count(0)
    assert not ann.complaints
