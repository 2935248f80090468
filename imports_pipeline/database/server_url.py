"""Chooses the PostgreSQL server of a command: the one in ``DATABASE_URL``, or else the embedded one.

This module also checks that the user's own server can be reached and is new enough. Tables are the concern of
``database/migrations``, and the embedded server that of ``embedded``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import psycopg

from imports_pipeline.embedded import ServerError, has_data, running_server

__all__ = ["OLDEST_VERSION", "ServerError", "creates_server", "database", "embedded_folder", "normalised"]

#: The first version with ``MERGE … RETURNING``.
OLDEST_VERSION: Final = 17
_CONNECT_SECONDS: Final = 10


def embedded_folder(home: Path) -> Path:
    """Return the folder of the embedded server."""
    return home / "postgres"


def creates_server(home: Path, environ: Mapping[str, str] = os.environ) -> bool:
    """Return True if ``database`` would create a new embedded server."""
    return not environ.get("DATABASE_URL", "").strip() and not has_data(embedded_folder(home))


@contextmanager
def database(home: Path, environ: Mapping[str, str] = os.environ, *, create: bool = True) -> Iterator[str]:
    """Yield the ``postgresql://`` URL of a running server: ``DATABASE_URL``, or the embedded server in ``home``.

    Args:
        home: The folder of the installation.
        environ: The environment variables.
        create: Whether to create an embedded server if there is none; otherwise that is a ``ServerError``.

    Raises:
        ServerError: no server is available; the message says why and what to do, and contains no password.
    """
    if not (given := environ.get("DATABASE_URL", "").strip()):
        with running_server(embedded_folder(home), create=create) as url:
            yield url
        return
    url = normalised(given)
    _check(url)
    yield url


def normalised(url: str) -> str:
    """Return a PostgreSQL URL with the scheme ``postgresql://``, without a driver such as ``+psycopg``.

    Raises:
        ServerError: the URL is not a PostgreSQL URL.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.partition("+")[0] not in ("postgres", "postgresql"):
        raise ServerError(
            "DATABASE_URL is not a PostgreSQL URL. Write it as postgresql://user:password@host:5432/database."
        )
    return f"postgresql://{rest}"


def _check(url: str) -> None:
    try:
        with psycopg.connect(url, connect_timeout=_CONNECT_SECONDS) as connection:
            version = connection.info.server_version
    except psycopg.OperationalError as error:
        raise ServerError(
            f"The server of DATABASE_URL cannot be used ({_without_password(str(error), url)}). "
            "Correct DATABASE_URL, or unset it to use the PostgreSQL that comes with the package."
        ) from None
    except (psycopg.Error, ValueError):
        # libpq's message contains the part that it cannot parse, which may be the password.
        raise ServerError(
            "DATABASE_URL cannot be parsed. Write it as postgresql://user:password@host:5432/database, with "
            "special characters of the password percent-encoded."
        ) from None
    if version < OLDEST_VERSION * 10_000:
        major, minor = divmod(version, 10_000)
        raise ServerError(
            f"The server of DATABASE_URL is PostgreSQL {major}.{minor}; {OLDEST_VERSION} or newer is needed. "
            "Upgrade it, or unset DATABASE_URL to use the PostgreSQL that comes with the package."
        )


def _without_password(text: str, url: str) -> str:
    try:
        password = urlsplit(url).password
    except ValueError:
        password = None
    for secret in {password, unquote(password)} if password else ():
        text = text.replace(secret, "***")
    return " ".join(text.split())
