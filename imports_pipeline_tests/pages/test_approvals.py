"""An overwrite that removes too much: refused, and approved by another person who types the number."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from imports_pipeline_tests.api.serving import Api
from imports_pipeline_tests.pages.conftest import Keys
from imports_pipeline_tests.pages.serving import Person
from imports_pipeline_tests.pages.test_send import imported, imports_of

pytestmark = pytest.mark.browser

STORED = b"external_id,name\n" + b"".join(b"%d,Person %d\n" % (number, number) for number in range(40))
FEW = b"external_id,name\n1,Person 1\n2,Ann\n"


def test_an_approver_says_no(somebody: Callable[..., Person], key: Keys, api: Api) -> None:
    text = key()
    imported(api, text, STORED)
    refused = imported(api, text, FEW, action="overwrite")
    cid = somebody()
    cid.sign_in(text)
    cid.follow("Approvals")
    cid.follow("people.csv")
    cid.page.wait_for_function("window.did_handshake")
    cid.field("Or say no").fill("The list has only two people.")
    cid.click("Say no")
    cid.sees("An approver said no: The list has only two people.")
    cid.sees("refused, and an approver said no")
    expect(cid.page.get_by_role("button", name="Approve the removals")).to_have_count(0)
    cid.follow("Approvals")
    cid.sees("Nothing waits for an approval.")
    assert imports_of(api, text)[0]["id"] == refused["id"]
