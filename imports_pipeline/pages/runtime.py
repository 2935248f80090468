"""What the pages of this process share: the settings, the client of the API, and the sessions."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request
from nicegui import Client

from imports_pipeline.pages.api_client import ApiClient
from imports_pipeline.pages.sessions import COOKIE, Session, Sessions
from imports_pipeline.pages.settings import PagesSettings


@dataclass(frozen=True)
class Runtime:
    """The shared parts."""

    settings: PagesSettings
    api: ApiClient
    sessions: Sessions


_RUNTIME: list[Runtime] = []


def start(settings: PagesSettings) -> Runtime:
    """Make the shared parts of this process."""
    _RUNTIME[:] = [Runtime(settings, ApiClient(settings.api_url), Sessions(settings.session_seconds))]
    return _RUNTIME[0]


def runtime() -> Runtime:
    """Return the shared parts; ``start`` has made them."""
    return _RUNTIME[0]


def session_of(request: Request) -> Session | None:
    """Return the session of a request, or None if nobody is signed in."""
    return runtime().sessions.get(request.cookies.get(COOKIE))


def end_session(token: str | None, why: str) -> None:
    """End a session and send all its open pages to the sign-in page, which says why.

    If its time is over (``over``), what was typed is kept until the same person signs in again.
    """
    session = runtime().sessions.end(token, is_over=why == "over")
    for page in session.pages if session else ():
        client = Client.instances.get(page)
        if client is not None:
            leave_for_sign_in(client, why)


def leave_for_sign_in(client: Client, why: str) -> None:
    """Send an open page to the sign-in page; ``keep.js`` keeps in the browser what was typed."""
    client.run_javascript(f"leaveForSignIn({why!r})")
