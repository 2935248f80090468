"""An overwrite that removes too much: refused, and approved by another person who types the number."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from imports_pipeline_tests.api.serving import Api
from imports_pipeline_tests.pages.conftest import Keys
from imports_pipeline_tests.pages.serving import Person
from imports_pipeline_tests.pages.test_send import imported, imports_of

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("people")]

STORED = b"external_id,name\n" + b"".join(b"%d,Person %d\n" % (number, number) for number in range(40))
FEW = b"external_id,name\n1,Person 1\n2,Ann\n"


def test_another_person_approves(somebody: Callable[..., Person], key: Keys, api: Api) -> None:
    text = key("imports:write", "imports:read", "contacts:read", name="Ann")
    imported(api, text, STORED)
    ann = somebody()
    ann.sign_in(text)
    expect(ann.page.get_by_role("link", name="Approvals")).to_have_count(0)
    ann.send("list.csv", FEW, "Replace all")
    ann.sees("1 will be changed, 38 removed, 1 unchanged.")
    ann.click("Import now and remove 38")
    ann.sees("refused: it would remove too much")
    ann.sees("Somebody whose key has the scope imports:approve must approve the removals.")
    import_id = ann.import_id()

    bob = somebody(viewport={"width": 390, "height": 800})
    bob.sign_in(key("imports:approve", "imports:read", "contacts:read", name="Bob"))
    bob.follow("Approvals")
    bob.can_be_used_by_all()
    bob.follow("list.csv")
    bob.follow("The plan, record by record")
    bob.page.wait_for_function("window.did_handshake")
    bob.picture("approve")
    bob.click("Approve the removals")
    bob.sees("Type 38 to approve that 38 records will be removed.")
    bob.field("To approve, type the number").fill("39")
    bob.click("Approve the removals")
    bob.sees("Type 38 to approve")
    bob.click("Say no")
    bob.sees("Write a reason, so that whoever sent the file knows what to do.")
    # The stored records change while the plan is on the screen.
    imported(api, text, b"external_id,name\n2,Ann\n")
    bob.field("To approve, type the number").fill("38")
    bob.click("Approve the removals")
    bob.sees("not written, because the plan has changed")
    bob.sees("38 will be removed, 2 unchanged.")
    assert bob.import_id() != import_id
    bob.page.wait_for_function("window.did_handshake")
    bob.field("To approve, type the number").fill("38")
    bob.can_be_used_by_all()
    bob.page.evaluate(
        "() => { const it = [...document.querySelectorAll('button')].find(b => b.innerText.includes('Approve'));"
        " it.click(); it.click(); }"
    )
    bob.sees("38 removed, 2 unchanged.")
    bob.sees("State: done")
    written = [one for one in imports_of(api, text) if one["status"] == "completed" and not one["dry_run"]]
    assert len(written) == 3, "the two of the API, and the approved one"

    ann.open(f"/imports/{bob.import_id()}")
    ann.click("Undo: show what it would do")
    ann.sees("38 will be created.")
    ann.click("Undo the import now")
    ann.sees("38 created.")


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
