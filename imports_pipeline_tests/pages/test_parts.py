"""Parts of the pages without a browser: sessions that end, sentences for errors, states in words, settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx
import pytest

from imports_pipeline.pages import wording
from imports_pipeline.pages.api_client import ApiClient, ApiError, KeyRefused
from imports_pipeline.pages.screens.sign_in import _own
from imports_pipeline.pages.screens.understand import mapping_of
from imports_pipeline.pages.sessions import Session, Sessions
from imports_pipeline.pages.settings import PagesSettings

T = TypeVar("T")


def test_a_session_ends_after_its_time() -> None:
    now = [0.0]
    sessions = Sessions(100, lambda: now[0])
    ann = sessions.create("ipk_secret", "acme", "Ann", frozenset({"imports:read"}), "Asia/Kolkata")
    assert sessions.get(ann.token) is ann
    assert (sessions.get(None), sessions.get("other"), sessions.expired()) == (None, None, [])
    assert "ipk_secret" not in repr(ann)
    now[0] = 100.0
    assert sessions.get(ann.token) is None
    assert sessions.expired() == [ann]
    assert (sessions.end(ann.token), sessions.end(ann.token), sessions.expired()) == (ann, None, [])


def test_corrected_rows_wait_for_the_same_key() -> None:
    now = [0.0]
    sessions = Sessions(100, lambda: now[0])

    def sign_in(key: str) -> Session:
        return sessions.create(key, "acme", "Ann", frozenset(), "UTC")

    ann = sign_in("ipk_ann")
    rows = {"imp_1": {4: {"email": "ann@example.com"}}}
    ann.corrections = dict(rows)
    sessions.end(ann.token, is_over=True)
    assert sign_in("ipk_bob").corrections == {}
    again = sign_in("ipk_ann")
    assert again.corrections == rows
    assert sign_in("ipk_ann").corrections == {}, "they are handed over once"
    sessions.end(again.token, is_over=True)
    now[0] = 100.0
    assert sign_in("ipk_ann").corrections == {}, "not for ever"
    signed_out = sign_in("ipk_ann")
    signed_out.corrections = dict(rows)
    sessions.end(signed_out.token)
    assert sign_in("ipk_ann").corrections == {}, "who signs out wants no more"


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (401, "unauthorized", "The API key is wrong, revoked or expired."),
        (403, "forbidden", "Your API key does not allow this. The message."),
        (404, "not_found", "The message."),
        (429, "rate_limited", "There were too many requests. Try again in 7 seconds."),
        (500, "fault", "The import service has a problem at the moment. Try again later."),
        (503, "unavailable", "The import service does not answer. Try again in a moment."),
        (503, "busy", "The message."),
    ],
)
def test_every_refusal_is_a_sentence(status: int, code: str, sentence: str) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        body = {"code": code, "message": "The message.", "data": None, "pagination": None}
        return httpx.Response(status, json=body, headers={"Retry-After": "7"})

    error = answered(refuse)
    assert str(error) == sentence
    assert isinstance(error, KeyRefused) == (status == 401)


def test_what_is_no_answer_of_the_api_is_a_sentence_too() -> None:
    def lose(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("gone", request=request)

    assert str(answered(lambda _: httpx.Response(502, text="<html>Bad gateway"))).startswith(
        "The import service does"
    )
    assert str(answered(lose)).startswith("The import service did not answer, so it is not known")
    assert str(answered(lose, headers={"Idempotency-Key": "1"})).endswith("nothing will be done twice.")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            httpx.Response(403, text="<Error><Code>AccessDenied</Code></Error>"),
            "The file could not be stored.",
        ),
        (
            httpx.Response(
                413, json={"code": "body_too_large", "message": "The file is too large.", "data": None}
            ),
            "The file is too large.",
        ),
    ],
)
def test_a_store_that_refuses_a_file_is_a_sentence(answer: httpx.Response, sentence: str) -> None:
    async def put() -> str:
        api = ApiClient("http://api", httpx.MockTransport(lambda _: answer))
        with pytest.raises(ApiError) as caught:
            await api.put_file("http://store/file?signature", b"", "0")
        return str(caught.value)

    assert in_a_thread(put).startswith(sentence)


def test_a_connection_that_was_closed_meanwhile_is_replaced_to_read() -> None:
    calls: list[str] = []

    def close_first(request: httpx.Request) -> httpx.Response:
        calls.append(request.method)
        if len(calls) == 1:
            raise httpx.RemoteProtocolError("closed", request=request)
        return httpx.Response(200, json={"data": 1, "message": "", "pagination": None})

    async def read() -> object:
        api = ApiClient("http://api", httpx.MockTransport(close_first))
        return (await api.get("ipk_x", "/v1/key")).data

    assert in_a_thread(read) == 1
    assert calls == ["GET", "GET"]


def answered(handler: Any, **how: Any) -> ApiError:
    """Return the error of a POST request that a handler answers."""

    async def ask() -> ApiError:
        api = ApiClient("http://api", httpx.MockTransport(handler))
        with pytest.raises(ApiError) as caught:
            await api.post("ipk_x", "/v1/imports", **how)
        await api.close()
        return caught.value

    return in_a_thread(ask)


def in_a_thread(ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return what a coroutine returns; Playwright's loop may run in this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(ask())).result()


def import_(**fields: Any) -> dict[str, Any]:
    """Return the fields of an import object that the wording looks at."""
    usual = {"status": "completed", "code": None, "action": "merge", "stats": {}, "plan": None}
    return {**usual, "has_upload_file": True, "source": "api", **fields}


@pytest.mark.parametrize(
    ("fields", "state", "outcome"),
    [
        ({"stats": {"created": 6, "rejected": 11}}, "done, 11 rows left out", "6 created, 11 left out."),
        (
            {
                "dry_run": True,
                "plan": {"created": 6, "updated": 5, "overwritten": 40},
                "stats": {"rejected": 1},
            },
            "checked, nothing written, 1 row left out",
            "6 will be created, 5 changed, 40 removed, 1 left out.",
        ),
        ({"dry_run": True, "plan": {"unchanged": 3}}, "checked, nothing written", "3 will stay unchanged."),
        (
            {"status": "failed", "code": "too_many_deletions", "plan": {"overwritten": 1200}},
            "refused: it would remove too much",
            "1,200 will be removed.",
        ),
        (
            {"status": "failed", "code": "too_many_deletions", "rejected_by": "key:1"},
            "refused, and an approver said no",
            "Nothing was changed.",
        ),
        ({"status": "failed", "code": "plan_changed"}, "not written, because the plan has changed", None),
        ({"status": "failed", "code": "canceled"}, "canceled, nothing was changed", None),
        ({"status": "failed", "code": "no_header"}, "failed, nothing was changed", None),
        (
            {"status": "requested", "source": "upload_url", "has_upload_file": False},
            "waiting for its file",
            None,
        ),
        (
            {
                "action": "revert",
                "plan": {"deleted": 2, "conflict": 1},
                "stats": {"deleted": 2, "rejected": 1},
            },
            "done",
            "2 removed, 1 left as it is.",
        ),
        ({"reverted_by": "imp_1", "stats": {"created": 1}}, "done, and undone since", "1 created."),
    ],
)
def test_states_and_outcomes_in_words(fields: dict[str, Any], state: str, outcome: str | None) -> None:
    shown = import_(**fields)
    assert wording.state(shown) == state
    assert outcome in (None, wording.outcome(shown))


def test_times_are_those_of_the_viewer() -> None:
    assert wording.time_of(1_790_000_000, "Asia/Kolkata") == "21 Sep 2026, 19:43"
    assert wording.time_of(1_790_000_000, "../../etc/passwd") == "21 Sep 2026, 14:13 UTC"


def test_a_link_to_the_sign_in_leads_nowhere_else() -> None:
    assert _own("/imports?status=failed&page=2") == "/imports?status=failed&page=2"
    for path in ("https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example", "/\tx", ""):
        assert _own(path) == "/", path


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"IMPORTS_API_URL": "api:8000"}, "IMPORTS_API_URL"),
        ({"IMPORTS_PAGES_SESSION_SECONDS": "0"}, "SESSION"),
        ({"IMPORTS_PAGES_UPLOAD_ORIGINS": "https://a.example https://b.example;script-src"}, "ORIGINS"),
    ],
)
def test_settings_that_cannot_be(environ: dict[str, str], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        PagesSettings.read(environ)
    assert PagesSettings.read({}) == PagesSettings()
    assert PagesSettings.read({"IMPORTS_API_BYTES": "1000000"}).small_bytes == 500_000


def test_the_mapping_of_chosen_fields() -> None:
    columns = [
        {"position": 1, "header": "Person"},
        {"position": 2, "header": "Mail"},
        {"position": 3, "header": "X"},
    ]
    given = {"column_mapping": {"notes": "Mail", "phone": "X"}}
    assert mapping_of(given, columns, {1: "name", 2: "email"}) == {
        "name": "Person",
        "email": "Mail",
        "phone": "X",
    }
    assert mapping_of(given, columns, {3: ""}) == {"notes": "Mail", "_3": "X"}
