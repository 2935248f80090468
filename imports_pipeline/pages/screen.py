"""What every screen has: a session, a frame with navigation, messages, and buttons whose errors become sentences."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from nicegui import ui

from imports_pipeline.pages import wording
from imports_pipeline.pages.api_client import Answer, ApiError, KeyRefused
from imports_pipeline.pages.elements import text as text_element
from imports_pipeline.pages.runtime import end_session, leave_for_sign_in, runtime, session_of
from imports_pipeline.pages.sessions import Session

_LOG = logging.getLogger("imports_pipeline.pages")
#: The links of the navigation, and the scope without which one is hidden.
_NAVIGATION: Final = (
    ("/send", "Send", "imports:write"),
    ("/imports", "Imports", ""),
    ("/approvals", "Approvals", "imports:approve"),
)
_FAULT: Final = "Something went wrong on this page. Load it again; the log of the pages says more."


class SessionOver(Exception):
    """The session has ended since the page was opened."""


class Screen:
    """One open page of one session."""

    def __init__(self, session: Session, request: Request) -> None:
        """Store the session and the request of the page that NiceGUI is building."""
        self.session, self.request = session, request
        self.prefix = request.headers.get("X-Forwarded-Prefix", "")
        self.client = ui.context.client
        self._message: ui.element | None = None

    @property
    def import_id(self) -> str:
        """The id in the address of the page."""
        return str(self.request.path_params["import_id"])

    def parameter(self, name: str) -> str:
        """Return a parameter of the address, or an empty text."""
        return self.request.query_params.get(name, "")

    def page_number(self) -> int:
        """Return the parameter ``page``, at least 1."""
        given = self.parameter("page")
        return max(1, int(given)) if given.isascii() and given.isdecimal() and len(given) < 9 else 1

    def allows(self, scope: str) -> bool:
        """Return True if the key has the scope."""
        return self.session.allows(scope)

    def time(self, epoch: float) -> str:
        """Return a time in the viewer's time zone."""
        return wording.time_of(epoch, self.session.zone)

    def person(self, import_: Mapping[str, Any], field: str) -> str:
        """Return the person in a field of an import: ``you``, the name of an API key, or what the field has."""
        found = str(import_[field])
        if found == self.session.person:
            return f"you ({self.session.name})"
        names: Mapping[str, str] = import_.get("people") or {}
        return names.get(found) or found.replace("key:", "the API key ")

    async def get(self, path: str, **parameters: Any) -> Answer:
        """Return the API's answer to a GET request with the key of the session."""
        return await runtime().api.get(self._key(), path, **parameters)

    async def post(self, path: str, **how: Any) -> Answer:
        """Return the API's answer to a POST request with the key of the session."""
        return await runtime().api.post(self._key(), path, **how)

    async def import_(self, **parameters: Any) -> dict[str, Any]:
        """Return the import of the page's address."""
        found: dict[str, Any] = (await self.get(f"/v1/imports/{quote(self.import_id)}", **parameters)).data
        return found

    def _key(self) -> str:
        if runtime().sessions.get(self.session.token) is None:
            raise SessionOver
        return self.session.key

    def heading(self, text: str) -> None:
        """Show the heading of the page."""
        text_element("h1", text)

    def say(self, sentence: str, kind: str = "error") -> None:
        """Show a message above the page; screen readers read it at once. ``kind`` is ``error`` or ``good``."""
        assert self._message is not None
        self._message.clear()
        if sentence:
            with self._message:
                ui.label(("Problem: " if kind == "error" else "") + sentence).classes(f"message {kind}")

    def button(self, text: str, handler: Callable[[], Awaitable[None]], **look: str) -> ui.button:
        """Return a button that can be clicked once at a time, and whose errors become messages.

        Args:
            text: what the button says.
            handler: what a click does.
            look: ``color``, and ``label`` for screen readers where the text alone is not enough.
        """
        button = ui.button(text, color=look.get("color", "primary")).props("no-caps")
        if label := look.get("label"):
            button.props(f'aria-label="{label}"')

        async def clicked() -> None:
            # The server drops the events of a disabled element, so a double click runs the handler once.
            button.disable()
            try:
                await self.guarded(handler)
            finally:
                button.enable()

        button.on_click(clicked)
        return button

    async def guarded(self, handler: Callable[[], Awaitable[None]]) -> None:
        """Run a handler of this page, and show what goes wrong as a sentence."""
        try:
            self._key()
            self.say("")
            await handler()
        except SessionOver:
            end_session(self.session.token, "over")
            leave_for_sign_in(self.client, "over")
        except KeyRefused:
            end_session(self.session.token, "key")
        except ApiError as error:
            self.say(str(error))
        except Exception:  # noqa: BLE001  the page must say so, whatever it was; the log has the details
            _LOG.exception("A handler of %s failed", self.request.url.path)
            self.say(_FAULT)

    @contextmanager
    def frame(self) -> Iterator[None]:
        """Show the header with the navigation, and put the block below it."""
        ui.colors(primary="#0d47a1")
        ui.add_head_html(f'<link rel="stylesheet" href="{self.prefix}/static/pages.css">')
        ui.add_head_html(f'<script src="{self.prefix}/static/keep.js" defer></script>')
        person = f'data-person="{self.session.person}"'
        with ui.element("header").classes("top").props(person), ui.element("nav").props('aria-label="Main"'):
            for path, text, scope in _NAVIGATION:
                if not scope or self.allows(scope):
                    here = self.request.url.path.startswith(path)
                    ui.link(text, path).props('aria-current="page"' if here else "")
            with ui.element("div").classes("who"):
                ui.label(f"{self.session.name} at {self.session.organization}").mark("who")
                form = f'method="post" action="{self.prefix}/sign-out"'
                with ui.element("form").props(form):
                    text_element("button", "Sign out").props('type="submit"').classes("plain")
        self._message = ui.element("div").props('role="alert" id="message"')
        with ui.element("div").classes("content"):
            yield


Build = Callable[[Screen], Awaitable[Response | None]]


def screen(path: str, title: str) -> Callable[[Build], Build]:
    """Return a decorator that serves a function as a page for people who are signed in."""

    def decorate(build: Build) -> Build:
        # The API is asked before the page is sent, and may take a while on a busy day.
        @ui.page(path, title=f"{title} · Imports", language="en-US", response_timeout=60)
        async def page(request: Request) -> Response | None:
            session = session_of(request)
            if session is None:
                return _to_sign_in(request)
            shown = Screen(session, request)
            session.pages.add(shown.client.id)
            shown.client.on_delete(lambda: session.pages.discard(shown.client.id))
            with shown.frame():
                try:
                    return await build(shown)
                except (SessionOver, KeyRefused):
                    end_session(session.token, "key")
                    return _to_sign_in(request)
                except ApiError as error:
                    _cannot_show(shown, str(error), error.status == 404)
                except Exception:  # noqa: BLE001  NiceGUI would show the text of the exception to the visitor
                    _LOG.exception("The page %s failed", request.url.path)
                    _cannot_show(shown, _FAULT, False)
            return None

        return build

    return decorate


def _to_sign_in(request: Request) -> Response:
    where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?next={quote(where, safe='')}", 303)


def _cannot_show(shown: Screen, sentence: str, is_missing: bool) -> None:
    shown.heading("There is no such page" if is_missing else "This page cannot be shown")
    shown.say(sentence)
    ui.link("Go to the list of imports" if is_missing else "Try again", "/imports" if is_missing else "")
