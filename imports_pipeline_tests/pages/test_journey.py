"""From a workbook with bad rows to a refused overwrite, its approval by somebody else, and back."""

from __future__ import annotations

import io
from collections.abc import Callable

import openpyxl
import pytest
from playwright.sync_api import expect

from imports_pipeline_tests.pages.conftest import STORE, Keys, Site
from imports_pipeline_tests.pages.serving import Person
from imports_pipeline_tests.pages.test_send import imported, imports_of

pytestmark = pytest.mark.browser

#: Pastes a text where the focus is, as a spreadsheet's cells arrive.
PASTE = """text => {
    const data = new DataTransfer();
    data.setData('text/plain', text);
    const event = new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true});
    document.activeElement.dispatchEvent(event);
}"""
#: Persons 0 to 18 are in the new list too, and the other 21 are not.
MEMBERS = b"name,email\n" + b"".join(
    b"Person %d,p%d@example.com\n" % (number, number) for number in (*range(19), *range(40, 61))
)


def workbook() -> bytes:
    """Return a workbook with a title above its header, an unknown header for the name, and nine bad emails."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Members of the club, 2026"])
    sheet.append([])
    sheet.append(["Person", "E-mail", "Shoe size"])
    for number in range(20):
        sheet.append([f"Person {number}", "nowhere" if number < 9 else f"p{number}@example.com", 40])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize("site", [STORE or "s3"], indirect=True)
def test_a_list_is_sent_mended_approved_and_undone(
    somebody: Callable[..., Person], key: Keys, site: Site
) -> None:
    # Ann may approve too, but not what she has sent.
    text = key(name="Ann")
    imported(site.api, text, MEMBERS)
    ann = somebody()
    ann.url = site.url
    ann.sign_in(text)
    ann.send("people.xlsx", workbook(), "Replace all")
    ann.sees("10 left out.")
    understand(ann)
    ann.follow("Mend 9 rows")
    mend(ann)
    ann.click("Check again")
    # The row that stays bad protects the person whom it names.
    ann.sees("1 will be created, 21 removed, 18 unchanged, 1 left out.")
    checked = ann.import_id()
    ann.click("Import now and remove 21")
    ann.sees("refused: it would remove too much")
    refused = ann.import_id()
    ann.field("To approve, type the number").fill("21")
    ann.click("Approve the removals")
    ann.sees("You have sent this file, so somebody else must approve the removals.")

    bob = somebody(viewport={"width": 390, "height": 800})
    bob.url = site.url
    bob.sign_in(key("imports:approve", "imports:read", "contacts:read", name="Bob"))
    approve(bob, lambda: imported(site.api, text, b"name,email\nPerson 40,forty@example.com\n"))
    assert bob.import_id() not in (checked, refused)
    written = [
        one for one in imports_of(site.api, text) if one["status"] == "completed" and not one["dry_run"]
    ]
    assert len(written) == 3, "the two of the API, and the approved one"

    ann.open(f"/imports/{bob.import_id()}")
    ann.click("Undo: show what it would do")
    ann.sees("22 will be created, 1 removed.")
    ann.click("Undo the import now")
    ann.sees("22 created, 1 removed.")
    assert not ann.complaints
    assert not bob.complaints


def understand(ann: Person) -> None:
    """Say what the column Person is, and check the workbook again."""
    ann.follow("How the columns were understood")
    ann.sees("Columns of the file that are used: 1. Not used: 2.")
    ann.can_be_used_by_all()
    ann.picture("understand")
    ann.click("Check again with these fields")
    ann.sees("Choose another field for a column first.")
    ann.field("Field of the column Person").select_option("Name")
    ann.field("Remember this for files with the same columns").fill("club")
    ann.click("Check again with these fields")
    ann.sees("1 will be created, 21 removed, 10 unchanged, 9 left out.")


def mend(ann: Person) -> None:
    """Correct one cell by typing and seven by pasting, with a reload between the two."""
    page = ann.page
    first = page.locator('[row-index="0"] [col-id="c1"]')
    expect(first).to_have_text("⚠ nowhere")
    ann.can_be_used_by_all()
    first.dblclick()
    expect(page.locator(".ag-cell-inline-editing input")).to_be_visible()
    page.keyboard.press("Control+A")
    page.keyboard.type("p0@example.com")
    page.keyboard.press("Enter")
    ann.sees("1 corrected row so far.")
    expect(first).to_have_text("p0@example.com")
    ann.field("Problem").select_option("invalid email (9)")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**code=invalid_email")
    ann.sees("1 corrected row is kept from before.")
    expect(first).to_have_text("p0@example.com")
    page.locator('[row-index="1"] [col-id="c1"]').click()
    ann.sees("Line 5: `nowhere` is no email address")
    ann.picture("mend")
    page.evaluate(PASTE, "\r\n".join(f"p{number}@example.com" for number in range(1, 8)))
    ann.sees("8 corrected rows so far.")


def approve(bob: Person, change: Callable[[], object]) -> None:
    """Find the refused import and approve it, after records have changed while its plan is on the screen."""
    bob.follow("Approvals")
    bob.can_be_used_by_all()
    bob.follow("people.xlsx")
    bob.follow("The plan, record by record")
    bob.page.wait_for_function("window.did_handshake")
    bob.picture("approve")
    bob.click("Approve the removals")
    bob.sees("Type 21 to approve that 21 records will be removed.")
    bob.sees("Sent by Ann.")
    bob.field("To approve, type the number").fill("22")
    bob.click("Approve the removals")
    bob.sees("Type 21 to approve")
    bob.click("Say no")
    bob.sees("Write a reason, so that whoever sent the file knows what to do.")
    change()
    bob.field("To approve, type the number").fill("21")
    bob.click("Approve the removals")
    bob.sees("not written, because the plan has changed")
    bob.sees("1 will be created, 22 removed, 18 unchanged, 1 left out.")
    bob.field("To approve, type the number").fill("22")
    bob.can_be_used_by_all()
    # Two clicks in one moment approve once.
    bob.page.evaluate(
        "() => { const it = [...document.querySelectorAll('button')].find(b => b.innerText.includes('Approve'));"
        " it.click(); it.click(); }"
    )
    bob.sees("1 created, 22 removed, 18 unchanged, 1 left out.")
    bob.sees("State: done")
