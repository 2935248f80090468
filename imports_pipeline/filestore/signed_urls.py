"""Signed URLs of the local store: a URL allows one request for one file, for a limited time, and nothing else.

A token contains the method, the key, the expiry and the size limit, signed with a secret that never leaves the
installation. The HTTP API serves ``/v1/files/{token}`` after ``Signer.verify``; S3 signs its own URLs.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from itsdangerous import BadData, URLSafeSerializer

DEFAULT_API_URL: Final = "http://127.0.0.1:8000"
DOWNLOAD: Final = "GET"
UPLOAD: Final = "PUT"
_SALT: Final = "imports-pipeline/files"
_SECRET_BYTES: Final = 32


class InvalidToken(ValueError):
    """The token of a signed URL is not valid; the message says why and what to do."""


class ExpiredToken(InvalidToken):
    """The token has expired."""


class WrongMethod(InvalidToken):
    """The token allows the other method: GET or PUT."""


@dataclass(frozen=True)
class Grant:
    """The permission in a signed URL."""

    key: str
    #: The largest size of an upload in bytes; ``None`` for a download.
    limit: int | None
    #: The expiry in epoch seconds.
    expires: float
    #: The name under which a download is saved.
    file_name: str | None = None
    #: The exact size of an upload, if it was known.
    size: int | None = None


class Signer:
    """Creates and verifies tokens with the secret in ``keys/signing``, which is created once."""

    def __init__(
        self, keys: Path, api_url: str = DEFAULT_API_URL, clock: Callable[[], float] = time.time
    ) -> None:
        """Keep the secret in the folder ``keys``; ``api_url`` is the URL of the HTTP API."""
        self._path = keys / "signing"
        self._api_url = api_url.rstrip("/")
        self._clock = clock

    def download(self, key: str, seconds: int, file_name: str | None) -> str:
        """Return a URL that downloads ``key`` and is valid for ``seconds``."""
        return self._url(DOWNLOAD, Grant(key, None, self._end(seconds), file_name))

    def upload(self, key: str, seconds: int, limit: int, size: int | None) -> str:
        """Return a URL that takes an upload of at most ``limit`` bytes to ``key`` and is valid for ``seconds``."""
        check_limit(limit, size)
        return self._url(UPLOAD, Grant(key, limit, self._end(seconds), size=size))

    def verify(self, token: str, method: str) -> Grant:
        """Return the permission of the token. Raises ``InvalidToken``, ``ExpiredToken`` or ``WrongMethod``."""
        try:
            signed, *values = self._serializer().loads(token)
            grant = Grant(*values)
        except (BadData, TypeError, ValueError):
            raise InvalidToken("The URL was not issued here, or was changed; request a new one.") from None
        if method != signed:
            raise WrongMethod(
                f"The URL is for {signed}, not for {method[:20]}; request one for the other method."
            )
        if self._clock() >= grant.expires:
            raise ExpiredToken("The URL has expired; request a new one.")
        return grant

    def _end(self, seconds: int) -> float:
        if seconds <= 0:
            raise ValueError(f"A signed URL is valid for some seconds, not for {seconds}")
        return self._clock() + seconds

    def _url(self, method: str, grant: Grant) -> str:
        values = (method, grant.key, grant.limit, grant.expires, grant.file_name, grant.size)
        return f"{self._api_url}/v1/files/{self._serializer().dumps(values)}"

    def _serializer(self) -> URLSafeSerializer:
        return URLSafeSerializer(
            _secret(self._path),
            salt=_SALT,
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )

    def __repr__(self) -> str:
        return f"Signer({self._path})"


def check_limit(limit: int, size: int | None) -> None:
    """Raise ``ValueError`` if an upload of ``size`` bytes exceeds ``limit``."""
    if limit < 0 or (size is not None and not 0 <= size <= limit):
        raise ValueError(f"An upload takes 0 to {limit:,} bytes, not {size if size is not None else limit:,}")


def _secret(path: Path) -> bytes:
    """Return the secret. The first call creates it; concurrent first calls all return the same."""
    with suppress(FileNotFoundError):
        return path.read_bytes()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".signing.")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename, a link never replaces a secret that another process has created.
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return path.read_bytes()
