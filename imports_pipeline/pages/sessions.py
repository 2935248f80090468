"""Sessions: API keys in the memory of this process. A browser has only a random token in a cookie."""

from __future__ import annotations

import hashlib
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

    @property
    def person(self) -> str:
        """The person as imports name it: a key is written ``ipk_<id>_<secret>``."""
        return f"key:{self.key.split('_')[1]}" if self.key.count("_") > 1 else ""

    def allows(self, scope: str) -> bool:
        """Return True if the key has the scope. The API checks it again; this only hides what would be refused."""
        return scope in self.scopes


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


class Sessions:
    """The sessions of this process."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without a session; each one lasts ``seconds``."""
        self._seconds, self._clock = seconds, clock
        self._by_token: dict[str, Session] = {}
        # The corrected rows of sessions whose time was over, and until when they are kept, by the hash of their key.
        self._left: dict[bytes, tuple[float, dict[str, dict[int, dict[str, str]]]]] = {}

    def create(self, key: str, organization: str, name: str, scopes: frozenset[str], zone: str) -> Session:
        """Return a new session for a key that the API has accepted.

        It has the corrected rows of the key's session before, if the time of that one was over.
        """
        token = secrets.token_urlsafe(32)
        session = Session(token, key, organization, name, scopes, zone, self._clock() + self._seconds)
        self._by_token[token] = session
        until, corrections = self._left.pop(_hash(key), (0.0, {}))
        if until > self._clock():
            session.corrections = corrections
        return session

    def get(self, token: str | None) -> Session | None:
        """Return the session of a token, or None if there is none or its time is over."""
        session = self._by_token.get(token or "")
        return None if session is None or session.expires <= self._clock() else session

    def end(self, token: str | None, *, is_over: bool = False) -> Session | None:
        """End a session and return it, or None if there was none.

        If its time ``is_over``, its corrected rows are kept for as long as a session lasts.
        """
        session = self._by_token.pop(token or "", None)
        now = self._clock()
        self._left = {key: kept for key, kept in self._left.items() if kept[0] > now}
        if is_over and session is not None and session.corrections:
            self._left[_hash(session.key)] = (now + self._seconds, session.corrections)
        return session

    def expired(self) -> list[Session]:
        """Return the sessions whose time is over and that were not ended yet."""
        now = self._clock()
        return [session for session in self._by_token.values() if session.expires <= now]
