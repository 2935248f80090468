"""The settings of the pages' process, from its environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

#: A host, which may have a port. It becomes part of a header, so nothing else may be in it.
_PLAIN: Final = re.compile(r"[\w.-]+(:\d+)?|\[[\da-fA-F:]+\](:\d+)?")


@dataclass(frozen=True)
class PagesSettings:
    """The settings of the pages. Each field names its variable."""

    #: The address of the HTTP API (``IMPORTS_API_URL``).
    api_url: str = "http://127.0.0.1:8000"
    #: Seconds after which a person must sign in again (``IMPORTS_PAGES_SESSION_SECONDS``).
    session_seconds: int = 8 * 3600

    #: Origins to which browsers may send files directly, with that of the API (``IMPORTS_PAGES_UPLOAD_ORIGINS``).
    upload_origins: tuple[str, ...] = ("http://127.0.0.1:8000",)

    #: Bytes of a file that goes to the API in one request, by the limit of the API (``IMPORTS_API_BYTES``).
    small_bytes: int = 16 * 1024 * 1024

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
        named = environ.get("IMPORTS_PAGES_UPLOAD_ORIGINS", "").replace(",", " ").split()
        origins = tuple(dict.fromkeys(map(origin_of, (url, *named))))
        if "" in origins:
            raise ValueError(
                "IMPORTS_PAGES_UPLOAD_ORIGINS must be origins with blanks between them, such as https://s3.example.com"
            )
        limit = environ.get("IMPORTS_API_BYTES") or str(2 * cls.small_bytes)
        if not limit.isdecimal():
            raise ValueError(f"IMPORTS_API_BYTES must be a number of bytes, not {limit!r}")
        # The other half is more than the fields of the form need.
        small = min(cls.small_bytes, int(limit) // 2)
        return cls(api_url=url, session_seconds=int(seconds), upload_origins=origins, small_bytes=small)


def origin_of(url: str) -> str:
    """Return the origin of a URL, such as ``https://s3.example.com``; an empty text if it has none.

    Example:
        >>> origin_of("https://s3.example.com/bucket/key?signature")
        'https://s3.example.com'
    """
    parts = urlsplit(url)
    is_plain = bool(_PLAIN.fullmatch(parts.netloc))
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") and is_plain else ""
