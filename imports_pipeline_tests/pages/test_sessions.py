"""Who may see what: sign in, sign out, keys that are revoked or have few scopes, the routes of the pages themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from imports_pipeline.registry import api_keys
from imports_pipeline_tests.api.serving import Api
from imports_pipeline_tests.pages.conftest import Keys
from imports_pipeline_tests.pages.relay import Relay
from imports_pipeline_tests.pages.serving import Person
from imports_pipeline_tests.pages.test_send import imported

pytestmark = pytest.mark.browser

PEOPLE = b"name,email\nAnn Lee,ann@example.com\n"
SCREENS = ("/send", "/imports", "/approvals", "/imports/imp_01h2xcejqtf2nbrexx3vqjhp41")


@contextmanager
def signed_in(pages_url: str, key: str, **headers: str) -> Iterator[httpx.Client]:
    """Yield a client that has signed in as a browser does."""
    with httpx.Client(base_url=pages_url, headers=headers, timeout=60) as client:
        answer = client.post("/sign-in", data={"key": key, "zone": "Europe/Berlin", "next": "/imports"})
        assert (answer.status_code, answer.headers["location"].endswith("/imports")) == (303, True)
        yield client


def test_nobody_sees_anything_without_a_session(pages_url: str, key: Keys) -> None:
    import_id = "imp_01h2xcejqtf2nbrexx3vqjhp41"
    with httpx.Client(base_url=pages_url) as stranger:
        for path in SCREENS:
            answer = stranger.get(path)
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/sign-in?next=%2F"), path
        form = {"data": {"resource": "contact"}, "files": {"file": ("people.csv", PEOPLE)}}
        assert stranger.post("/send/file", **form).status_code == 401  # type: ignore[arg-type]
        assert stranger.post("/send/large", files={"resource": (None, "contact")}).status_code == 401
        assert stranger.put(f"/send/large/{import_id}", content=PEOPLE).status_code == 401
        assert stranger.get(f"/imports/{import_id}/files/errors_csv").status_code == 303
        assert stranger.post("/sign-in", data={"key": "ipk_wrong"}).status_code == 401
        assert stranger.post("/sign-in", data={"key": "wróng"}).status_code == 401
        other_site = {"Sec-Fetch-Site": "cross-site"}
        assert stranger.post("/sign-in", data={"key": key()}, headers=other_site).status_code == 403


def test_a_session_may_do_what_its_key_may(pages_url: str, key: Keys) -> None:
    with signed_in(pages_url, key("imports:write")) as writer:
        form = {"data": {"resource": "contact", "action": "merge"}, "files": {"file": ("p.csv", PEOPLE)}}
        page = writer.post("/send/file", **form).json()["page"]  # type: ignore[arg-type]
        assert writer.get(f"{page}/files/plan_csv").status_code == 403, "it shows stored contacts"
        assert writer.get(f"{page}/files/upload_csv").status_code == 303
        assert writer.get(f"{page}/files/secrets").status_code == 404
        unreadable = {"resource": (None, "contact"), "column_mapping": (None, "{")}
        assert writer.post("/send/large", files=unreadable).status_code == 400  # type: ignore[arg-type]
    with signed_in(pages_url, key("contacts:read")) as reader:
        assert reader.post("/send/file", **form).status_code == 403  # type: ignore[arg-type]
        assert reader.post("/send/large", files={"resource": (None, "contact")}).status_code == 403
        assert reader.put("/send/large/imp_01h2xcejqtf2nbrexx3vqjhp41", content=PEOPLE).status_code == 409
        assert reader.get(f"{page}/files/upload_csv").status_code == 403
        shown = reader.get("/imports").text
        assert "Your API key does not allow this" in shown
        assert "p.csv" not in shown


def test_what_a_browser_is_told(pages_url: str, key: Keys, relay: Relay, api: Api) -> None:
    with signed_in(
        pages_url, key(), **{"X-Forwarded-Prefix": "/app", "X-Forwarded-Proto": "https"}
    ) as client:
        cookie = client.post("/sign-in", data={"key": key(), "next": "https://elsewhere.example"})
        assert cookie.headers["location"] == "/app/", "never to another site"
        said = cookie.headers["set-cookie"]
        assert {"HttpOnly", "Secure", "Path=/app"} <= {one.strip() for one in said.split(";")}
        assert "samesite=lax" in said.lower()
        client.cookies.set("imports_session", said.partition("=")[2].partition(";")[0])
        page = client.get("/imports")
        policy = dict(one.strip().split(" ", 1) for one in page.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'self'"
        assert policy["connect-src"] == f"'self' {relay.url} {api.url}"
        nonce = policy["script-src"].split("'nonce-")[1].partition("'")[0]
        assert page.text.count("<script") == page.text.count(f'<script nonce="{nonce}"') > 0
        assert page.headers["cache-control"] == "no-store"
        assert '/app/static/pages.css"' in page.text
        assert key() not in page.text


def test_signing_out_closes_open_pages(somebody: Callable[..., Person], key: Keys, api: Api) -> None:
    ann = somebody()
    ann.open("/imports?status=failed")
    ann.can_be_used_by_all()
    ann.page.get_by_label("API key").fill("ipk_nothing")
    ann.page.get_by_role("button", name="Sign in").click()
    ann.sees("The API key is wrong, revoked or expired.")
    ann.page.get_by_label("API key").fill(key(name="Ann of Sales"))
    ann.page.keyboard.press("Enter")
    ann.page.wait_for_url("**/imports?status=failed")
    ann.sees("Ann of Sales at org-")
    assert "HttpOnly" not in ann.page.evaluate("document.cookie")
    assert ann.page.evaluate("document.cookie") == ""

    other = Person(ann.page.context.new_page(), ann.url)
    other.open("/send")
    other.page.wait_for_function("window.did_handshake")
    ann.page.wait_for_function("window.did_handshake")
    ann.page.get_by_role("button", name="Sign out").click()
    ann.sees("You are signed out.")
    expect(other.page.get_by_role("heading", name="Sign in to Imports")).to_be_visible()
    other.open("/imports")
    other.sees("Sign in to Imports")


def test_a_revoked_key_ends_the_session(somebody: Callable[..., Person], key: Keys, api: Api) -> None:
    text = key()
    bob = somebody()
    bob.sign_in(text)
    with api.database.connect() as connection:
        found = api_keys.find(connection, text)
        assert found is not None
        api_keys.revoke(connection, found.id)
    bob.page.wait_for_function("window.did_handshake")
    bob.page.locator("#file").set_input_files([{"name": "p.csv", "mimeType": "text/csv", "buffer": PEOPLE}])
    bob.page.get_by_role("button", name="Check the file").click()
    bob.sees("Sign in to Imports")
    bob.open("/imports")
    bob.sees("Sign in to Imports")


def test_the_api_is_away(somebody: Callable[..., Person], key: Keys, relay: Relay) -> None:
    cid = somebody()
    cid.sign_in(key())
    with relay.cut():
        cid.open("/imports")
        cid.sees("The import service does not answer. Try again in a moment.")
    cid.follow("Try again")
    cid.sees("There is no import yet.")
    with relay.cut():
        other = somebody()
        other.open("/sign-in")
        other.page.get_by_label("API key").fill(key())
        other.page.keyboard.press("Enter")
        other.sees("The import service does not answer.")


def test_what_is_typed_survives_the_end_of_a_session(
    somebody: Callable[..., Person], key: Keys, api: Api, clock: Path
) -> None:
    text = key()
    imported(api, text, b"external_id,name\n" + b"".join(b"%d,N %d\n" % (one, one) for one in range(30)))
    refused = imported(api, text, b"external_id,name\n1,N 1\n", action="overwrite")
    bad = imported(api, text, b"name,email\nAnn,nowhere\nBob,elsewhere\n", dry_run="true")
    ann = somebody()
    ann.sign_in(text)
    ann.page.get_by_role("radio", name=re.compile("^Replace all")).check()
    ann.page.get_by_text("Options", exact=True).click()
    ann.field("Max errors").fill("5%")
    deciding, mending = (Person(ann.page.context.new_page(), ann.url) for _ in range(2))
    deciding.open(f"/imports/{refused['id']}/plan")
    deciding.field("Or say no").fill("Oslo is missing.")
    mending.open(f"/imports/{bad['id']}/mend")
    cells = mending.page.locator('[row-index] [col-id="c1"]')
    expect(cells.first).to_have_text("⚠ nowhere")
    cells.first.dblclick()
    expect(mending.page.locator(".ag-cell-inline-editing input")).to_be_visible()
    mending.page.keyboard.press("Control+A")
    mending.page.keyboard.type("ann@example.com")
    mending.page.keyboard.press("Enter")
    mending.sees("1 corrected row so far.")
    clock.write_text("100000")
    try:
        for one in (ann, deciding, mending):
            one.sees(
                "Your session is over. Sign in again: what you typed is kept, and nothing was done twice."
            )
    finally:
        clock.write_text("0")
    for one in (mending, deciding):
        one.page.get_by_label("API key").fill(text)
        one.page.keyboard.press("Enter")
        expect(one.page.get_by_role("button", name="Sign out")).to_be_visible()
    # One tab has signed in for all.
    ann.page.reload()
    mending.sees("1 corrected row is kept from before.")
    expect(cells.first).to_have_text("ann@example.com")
    expect(deciding.field("Or say no")).to_have_value("Oslo is missing.")
    deciding.click("Say no")
    deciding.sees("An approver said no: Oslo is missing.")
    expect(ann.field("Max errors")).to_have_value("5%")
    expect(ann.page.get_by_role("radio", name=re.compile("^Replace all"))).to_be_checked()
    # Somebody else at the same tab gets nothing of it.
    clock.write_text("100000")
    try:
        ann.sees("Your session is over.")
    finally:
        clock.write_text("0")
    ann.page.get_by_label("API key").fill(key(name="Eve"))
    ann.page.keyboard.press("Enter")
    ann.sees("Eve at org-")
    expect(ann.field("Max errors")).to_have_value("")
