"""The settings of the pages' process, from its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class PagesSettings:
    """The settings of the pages. Each field names its variable."""

    #: The address of the HTTP API (``IMPORTS_API_URL``).
    api_url: str = "http://127.0.0.1:8000"
    #: Seconds after which a person must sign in again (``IMPORTS_PAGES_SESSION_SECONDS``).
    session_seconds: int = 8 * 3600

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> PagesSettings:
        """Return the settings of an environment.

        Raises:
            ValueError: a variable is invalid; the message names it.
        """
        seconds = environ.get("IMPORTS_PAGES_SESSION_SECONDS") or str(cls.session_seconds)
        if not seconds.isdecimal() or int(seconds) == 0:
            raise ValueError(f"IMPORTS_PAGES_SESSION_SECONDS must be a number of seconds, not {seconds!r}")
        url = (environ.get("IMPORTS_API_URL") or cls.api_url).rstrip("/")
        if not url.startswith(("http://", "https://")):
            raise ValueError(
                "IMPORTS_API_URL must be the address of the HTTP API, such as http://127.0.0.1:8000"
            )
        return cls(api_url=url, session_seconds=int(seconds))
