"""A workbook with a title line and bad rows: its columns are explained, its rows mended, and the whole imported."""

from __future__ import annotations

import io
from collections.abc import Callable

import httpx
import openpyxl
import pytest
from playwright.sync_api import expect

from imports_pipeline_tests.api.serving import Api
from imports_pipeline_tests.pages.conftest import Keys
from imports_pipeline_tests.pages.serving import Person
from imports_pipeline_tests.pages.test_sessions import signed_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("people")]

_PASTE = """text => {
    const data = new DataTransfer();
    data.setData('text/plain', text);
    const event = new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true});
    document.activeElement.dispatchEvent(event);
}"""


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


def test_from_a_workbook_to_an_import_and_back(
    somebody: Callable[..., Person], key: Keys, api: Api, pages_url: str
) -> None:
    ann, text = somebody(), key()
    ann.sign_in(text)
    ann.send("people.xlsx", workbook())
    ann.sees("failed, nothing was changed")
    ann.follow("How the columns were understood")
    ann.sees("Columns of the file that are used: 1. Not used: 2.")
    ann.can_be_used_by_all()
    ann.picture("understand")
    ann.click("Check again with these fields")
    ann.sees("Choose another field for a column first.")
    ann.field("Field of the column Person").select_option("Name")
    ann.field("Remember this for files with the same columns").fill("club")
    ann.click("Check again with these fields")
    ann.sees("11 will be created, 9 left out.")
    checked = ann.import_id()
    ann.follow("How the columns were understood")
    ann.field("Field of the column E-mail").select_option("not used")
    ann.click("Check again with these fields")
    ann.sees("20 will be created.")
    ann.open(f"/imports/{checked}")

    ann.follow("Mend 9 rows")
    mend(ann)
    ann.click("Check again")
    ann.sees("20 will be created.")
    assert ann.import_id() != checked
    ann.click("Import now")
    ann.sees("20 created.")
    ann.click("Undo: show what it would do")
    ann.sees("20 will be removed.")
    ann.click("Undo the import now")
    ann.sees("20 removed.")
    assert not ann.complaints

    # The next file of the club is understood by the name.
    ann.open("/send")
    ann.page.get_by_text("Options", exact=True).click()
    ann.field("Saved mapping").fill("club")
    ann.send_here("people.xlsx", workbook())
    ann.sees("11 will be created, 9 left out.")
    routes_refuse(pages_url, checked, key)


def mend(ann: Person) -> None:
    """Correct one cell by typing and the others by pasting, with a reload between the two."""
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
    page.evaluate(_PASTE, "\r\n".join(f"p{number}@example.com" for number in range(1, 9)))
    ann.sees("9 corrected rows so far.")


def routes_refuse(pages_url: str, import_id: str, key: Keys) -> None:
    """Check what the routes of Mend answer without a session, to keys of few scopes, and to what is no row."""
    path, rows = f"/imports/{import_id}/rejected", [{"line": 4, "row": {"E-mail": "x@example.com"}}]
    with httpx.Client(base_url=pages_url) as stranger:
        assert stranger.get(path).status_code == 401
        assert stranger.post(path, json={"rows": rows}).status_code == 401
    with signed_in(pages_url, key("contacts:read")) as nobody:
        assert nobody.get(path).status_code == 403
        assert nobody.post(path, json={"rows": rows}).status_code == 403
    with signed_in(pages_url, key("imports:write")) as writer:
        assert len(writer.get(path).json()["rows"]) == 9
        assert writer.post(path, json={"rows": rows}).json() == {"mended": 1}
        for wrong in ({}, {"rows": [{"line": "x", "row": {}}]}, {"rows": [{"line": 4, "row": {"a": 1}}]}, []):
            assert writer.post(path, json=wrong).status_code == 400
        assert writer.post(path, content=b"no json").status_code == 400
    with signed_in(pages_url, key("imports:read")) as other:
        assert not any(row["mended"] for row in other.get(path).json()["rows"]), (
            "corrections are of a session"
        )
