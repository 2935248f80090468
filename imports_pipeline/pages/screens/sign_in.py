"""Sign in with an API key, and sign out. The form works without JavaScript."""

from __future__ import annotations

from html import escape
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from nicegui import app

from imports_pipeline.pages.api_client import ApiError
from imports_pipeline.pages.runtime import end_session, runtime, session_of
from imports_pipeline.pages.sessions import COOKIE

_WHY: Final = {
    "out": "You are signed out.",
    "over": "Your session is over. Sign in again: what you typed is kept, and nothing was done twice.",
    "key": "The API key is no longer accepted. Sign in with another one.",
}
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in · Imports</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="{prefix}/favicon.ico"><link rel="stylesheet" href="{prefix}/static/pages.css">
<script src="{prefix}/static/sign-in.js" defer></script></head>
<body><main class="sign-in"><h1>Sign in to Imports</h1>
<div role="alert">{message}</div>
<form method="post" action="{prefix}/sign-in">
<label for="key">API key</label>
<input id="key" name="key" type="password" autocomplete="off" spellcheck="false" required autofocus maxlength="200">
<p class="hint">Whoever runs the imports creates a key for you: imports-pipeline keys create</p>
<input type="hidden" name="zone" id="zone" value="UTC"><input type="hidden" name="next" value="{next}">
<button type="submit" class="primary">Sign in</button></form></main></body></html>"""


@app.get("/")
def start(request: Request) -> Response:
    """Return a redirect to the first screen that the key allows."""
    session = session_of(request)
    can_send = session is not None and session.allows("imports:write")
    return RedirectResponse("/send" if can_send else "/imports" if session else "/sign-in", 303)


@app.get("/sign-in")
def form(request: Request, why: str = "", next: str = "") -> Response:
    """Show the form, or go on if the person has signed in again in another tab."""
    if why == "over" and session_of(request) is not None:
        return RedirectResponse(_own(next), 303)
    return _form(request, _WHY.get(why, ""), next, 200)


@app.post("/sign-in")
async def sign_in(
    request: Request,
    key: Annotated[str, Form(max_length=200)] = "",
    zone: Annotated[str, Form(max_length=60)] = "UTC",
    next: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Ask the API about the key, and begin a session."""
    try:
        about = (await runtime().api.get(key.strip(), "/v1/key")).data
    except ApiError as error:
        return _form(request, f"Problem: {error}", next, 401 if error.status == 401 else 503)
    before = session_of(request)
    if before is not None and before.key == key.strip():
        # Another tab has signed in meanwhile, and its pages go on.
        return RedirectResponse(_own(next), 303)
    # A session that the browser has already would keep its key in memory until it expires.
    end_session(request.cookies.get(COOKIE), "out" if before else "over")
    session = runtime().sessions.create(
        key.strip(), about["organization"], about["name"] or "API key", frozenset(about["scopes"]), zone
    )
    answer = RedirectResponse(_own(next), 303)
    answer.set_cookie(
        COOKIE,
        session.token,
        max_age=runtime().settings.session_seconds,
        path=request.headers.get("X-Forwarded-Prefix") or "/",
        httponly=True,
        samesite="lax",
        secure=_is_https(request),
    )
    return answer


@app.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the session and close its open pages."""
    end_session(request.cookies.get(COOKIE), "out")
    answer = RedirectResponse("/sign-in?why=out", 303)
    answer.delete_cookie(COOKIE, path=request.headers.get("X-Forwarded-Prefix") or "/")
    return answer


def _form(request: Request, message: str, next_path: str, status: int) -> Response:
    text = _PAGE.format(
        prefix=escape(request.headers.get("X-Forwarded-Prefix", "")),
        message=f'<p class="message">{escape(message)}</p>' if message else "",
        next=escape(next_path),
    )
    return HTMLResponse(text, status)


def _own(path: str) -> str:
    """Return a path of these pages; anything else would let a link lead from the sign-in to another site."""
    is_own = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return quote(path, safe="/?=&%+:,-._~") if is_own else "/"


def _is_https(request: Request) -> bool:
    return request.headers.get("X-Forwarded-Proto", request.url.scheme) == "https"
