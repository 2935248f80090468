"""From a file to its import and back: Send, the plan in numbers, the list, Undo."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import expect

from imports_pipeline_tests.api.serving import Api, data_of
from imports_pipeline_tests.pages.conftest import Keys
from imports_pipeline_tests.pages.relay import Relay
from imports_pipeline_tests.pages.serving import Person

pytestmark = pytest.mark.browser

PEOPLE = b"Full Name,E-mail\nAnn Lee,ann@example.com\nBob Ray,bob@example.com\nCid Fox,nonsense\n"


def imports_of(api: Api, key: str) -> list[dict[str, object]]:
    """Return the newest imports of a key's organization."""
    answer = httpx.get(f"{api.url}/v1/imports", headers={"X-API-KEY": key}, timeout=60)
    found: list[dict[str, object]] = data_of(answer, 200)
    return found


def imported(api: Api, key: str, content: bytes, **options: str) -> dict[str, object]:
    """Import a file by the API and return the import."""
    answer = httpx.post(
        f"{api.url}/v1/imports",
        headers={"X-API-KEY": key},
        data={"resource": "contact", "action": "merge", "mode": "sync", **options},
        files={"file": ("people.csv", content)},
        timeout=120,
    )
    found: dict[str, object] = data_of(answer, answer.status_code)
    return found


def test_a_file_is_checked(somebody: Callable[..., Person], key: Keys, api: Api) -> None:
    ann, text = somebody(), key()
    ann.sign_in(text)
    ann.picture("send")
    ann.page.get_by_text("Options", exact=True).click()
    ann.can_be_used_by_all()
    # Two clicks in one moment send the file once.
    ann.page.wait_for_function("window.did_handshake")
    ann.page.locator("#file").set_input_files(
        [{"name": "people.csv", "mimeType": "text/csv", "buffer": PEOPLE}]
    )
    ann.page.evaluate("() => { const it = document.getElementById('check'); it.click(); it.click(); }")
    ann.page.wait_for_url("**/imports/imp_*")
    ann.sees("checked, nothing written, 1 row left out")
    ann.sees("2 will be created, 1 left out.")
    (only,) = imports_of(api, text)
    assert (only["id"], only["name"], only["dry_run"]) == (ann.import_id(), "people.csv", True)
    ann.can_be_used_by_all()
    ann.picture("import", 900)
    with ann.page.expect_download() as download:
        ann.follow("Rows left out, as CSV")
    assert "nonsense" in download.value.path().read_text()

    ann.send("letter.txt", b"Dear Ann,\n\nthis is no table.\n\n\x00\x01\x02")
    ann.sees("failed, nothing was changed")
    ann.send("numbers.csv", b"name,email\nAnn,\nAnn,\n", "Delete")
    ann.open("/imports?status=failed")
    expect(ann.page.get_by_role("link", name="people.csv")).to_have_count(0)
    ann.field("State").select_option("Done")
    ann.page.get_by_role("button", name="Show").click()
    ann.sees("checked, nothing written")
    ann.can_be_used_by_all()
    assert not ann.complaints


def test_what_was_seen_is_imported(
    somebody: Callable[..., Person], key: Keys, api: Api, relay: Relay
) -> None:
    text = key()
    imported(api, text, b"external_id,name,email\n1,Ann Lee,ann@example.com\n2,Bob Ray,bob@example.com\n")
    ann = somebody()
    ann.sign_in(text)
    ann.send(
        "list.csv",
        b"external_id,name,email\n1,Ann Leigh,ann@example.com\n3,Dan,dan@example.com\n",
        "Replace all",
    )
    ann.sees("1 will be created, 1 changed, 1 removed.")
    ann.follow("The plan, record by record")
    rows = ann.page.get_by_role("row")
    expect(rows.nth(1)).to_contain_text(re.compile("removed, not in the file.*Bob Ray"))
    expect(rows.nth(3)).to_contain_text(re.compile("Ann Lee → Ann Leigh"))
    ann.picture("plan")
    ann.can_be_used_by_all()
    ann.field("Name, email or id").fill("bob@")
    ann.page.keyboard.press("Enter")
    expect(rows).to_have_count(2)
    assert "search=bob%40" in ann.page.url

    # Somebody else changes a record while the plan is on the screen.
    imported(api, text, b"external_id,name,email\n3,Dan Poe,dan@example.com\n")
    with relay.cut():
        ann.click("Import now and remove 1")
        ann.sees("Look at the list of imports before you try again.", "The import service does not answer.")
    ann.click("Import now and remove 1")
    ann.sees("not written, because the plan has changed")
    stale = Person(ann.page.context.new_page(), ann.url)
    stale.open(ann.page.url.removeprefix(ann.url))
    stale.sees("2 will be changed, 1 removed.")
    ann.sees("2 will be changed, 1 removed.")
    ann.page.wait_for_function("window.did_handshake")
    ann.page.evaluate(
        "() => { const it = [...document.querySelectorAll('button')].find(b => b.innerText.includes('Import now'));"
        " it.click(); it.click(); }"
    )
    ann.sees("2 changed, 1 removed.")
    ann.sees("State: done.")
    # Another tab still shows the plan, and finds the import that was made.
    stale.click("Import now and remove 1")
    stale.sees("State: done.")
    assert stale.import_id() == ann.import_id()
    written = [one for one in imports_of(api, text) if one["status"] == "completed" and not one["dry_run"]]
    assert len(written) == 3, "the two of the API, and one of the pages"


def test_a_lost_connection_sends_nothing_twice(
    somebody: Callable[..., Person], key: Keys, api: Api, relay: Relay
) -> None:
    bob, text = somebody(), key()
    bob.sign_in(text)
    bob.page.wait_for_function("window.did_handshake")
    bob.page.locator("#file").set_input_files(
        [{"name": "people.csv", "mimeType": "text/csv", "buffer": PEOPLE}]
    )
    with relay.cut():
        bob.click("Check the file")
        # It depends on whether the pages had a connection that was open.
        bob.sees("Try again in a moment", "nothing will be done twice")
    bob.click("Check the file")
    bob.sees("2 will be created")
    assert len(imports_of(api, text)) == 1
    bob.page.reload()
    bob.sees("2 will be created")


def test_an_import_is_undone_after_its_plan(somebody: Callable[..., Person], key: Keys, api: Api) -> None:
    text = key()
    done = imported(api, text, PEOPLE)
    cid = somebody(viewport={"width": 390, "height": 800})
    cid.sign_in(text)
    cid.open("/imports")
    cid.follow("people.csv")
    cid.sees("2 created, 1 left out.")
    cid.sees("done, 1 row left out")
    cid.click("Undo: show what it would do")
    cid.sees("2 will be removed.")
    cid.sees("checked, nothing written")
    # Somebody changes one of the two while the plan is on the screen.
    imported(api, text, b"email,notes\nann@example.com,new\n")
    cid.click("Undo the import now")
    cid.sees("not written, because the plan has changed")
    cid.sees("1 will be removed, 1 left as it is.")
    cid.page.wait_for_function("window.did_handshake")
    cid.page.evaluate(
        "() => { const it = [...document.querySelectorAll('button')].find(b => b.innerText.includes('Undo the'));"
        " it.click(); it.click(); }"
    )
    cid.sees("1 removed, 1 left as it is.")
    cid.open(f"/imports/{done['id']}")
    cid.sees("done, and undone since")
    expect(cid.page.get_by_role("button", name="Undo: show what it would do")).to_have_count(0)
    assert [one["action"] for one in imports_of(api, text)] == [
        "revert",
        "revert",
        "merge",
        "revert",
        "merge",
    ]
    cid.open("/imports/imp_01h2xcejqtf2nbrexx3vqjhp41")
    cid.sees("There is no such page")
