"""Sessions: API keys in the memory of this process. A browser has only a random token in a cookie."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

COOKIE: Final = "imports_session"


@dataclass
class Session:
    """One person who is signed in with an API key.

    Attributes:
        token: The value of the cookie.
        key: The API key. It never leaves this process but to the API.
        zone: The time zone of the browser, such as ``Europe/Berlin``.
        expires: The time in seconds, by the clock of ``Sessions``, at which the session ends.
        pages: The ids of the open pages, which are closed when the session ends.
        corrections: The corrected rows of imports by their line, until the file is checked again.
        uploads: The signed URLs of files that are still to come, by the id of their import.
    """

    token: str
    key: str = field(repr=False)
    organization: str
    name: str
    scopes: frozenset[str]
    zone: str
    expires: float
    pages: set[str] = field(default_factory=set)
    corrections: dict[str, dict[int, dict[str, str]]] = field(default_factory=dict, repr=False)
    uploads: dict[str, str] = field(default_factory=dict, repr=False)

    def allows(self, scope: str) -> bool:
        """Return True if the key has the scope. The API checks it again; this only hides what would be refused."""
        return scope in self.scopes


class Sessions:
    """The sessions of this process."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without a session; each one lasts ``seconds``."""
        self._seconds, self._clock = seconds, clock
        self._by_token: dict[str, Session] = {}

    def create(self, key: str, organization: str, name: str, scopes: frozenset[str], zone: str) -> Session:
        """Return a new session for a key that the API has accepted."""
        token = secrets.token_urlsafe(32)
        session = Session(token, key, organization, name, scopes, zone, self._clock() + self._seconds)
        self._by_token[token] = session
        return session

    def get(self, token: str | None) -> Session | None:
        """Return the session of a token, or None if there is none or its time is over."""
        session = self._by_token.get(token or "")
        return None if session is None or session.expires <= self._clock() else session

    def end(self, token: str | None) -> Session | None:
        """End a session and return it, or None if there was none."""
        return self._by_token.pop(token or "", None)

    def expired(self) -> list[Session]:
        """Return the sessions whose time is over and that were not ended yet."""
        now = self._clock()
        return [session for session in self._by_token.values() if session.expires <= now]
