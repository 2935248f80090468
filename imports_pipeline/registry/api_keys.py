"""Keys of the HTTP API. A key belongs to one organization, has scopes, is shown once, and is stored as a hash.

A key is written ``ipk_<id>_<secret>``. The id finds its row, and the secret (256 random bits) is compared in constant
time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

Connection = psycopg.Connection[Any]

#: The permissions that a key can have. A ``write`` scope includes the ``read`` scope of the same resource.
SCOPES: Final = (
    "imports:read",
    "imports:write",
    "imports:approve",
    "batches:read",
    "batches:write",
    "contacts:read",
    "groups:read",
    "locations:read",
    "locations:write",
    # The metrics of the whole installation, which name organizations. It is for the operators' own Prometheus.
    "metrics:read",
)
_KEY: Final = re.compile(r"ipk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_COLUMNS: Final = "id, organization_id, name, scopes, created_at, expires_at, revoked_at"


class InvalidKey(ValueError):
    """A key cannot be created or found with these values; the message says what to do."""


@dataclass(frozen=True)
class ApiKey:
    """A key without its secret."""

    id: str
    organization_id: str
    name: str | None
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def allows(self, scope: str) -> bool:
        """Return True if the key has this scope, or the ``write`` scope that includes it."""
        return scope in self.scopes or scope.replace(":read", ":write") in self.scopes

    def as_object(self) -> dict[str, Any]:
        """Return the key as plain values; times are epoch seconds."""
        times = {name: getattr(self, name) for name in ("created_at", "expires_at", "revoked_at")}
        return {
            "id": self.id,
            "organization_id": self.organization_id,
            "name": self.name,
            "scopes": list(self.scopes),
            **{name: None if at is None else int(at.timestamp()) for name, at in times.items()},
        }


def create(
    connection: Connection,
    organization_id: str,
    scopes: Sequence[str],
    *,
    name: str | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Create a key. Return it and its text, which is not stored anywhere. Raises ``InvalidKey``."""
    if not scopes:
        raise InvalidKey(f"a key needs a scope; the scopes are {', '.join(SCOPES)}")
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown:
        raise InvalidKey(f"there is no scope {unknown[0]!r}; the scopes are {', '.join(SCOPES)}")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", organization_id):
        raise InvalidKey(
            f"{organization_id!r} is not an organization: use up to 64 letters, digits, `_`, `.` and `-`, and begin"
            " with a letter or digit"
        )
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise InvalidKey("the key would already have expired; give a time in the future")
    key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    row = (
        connection.cursor(row_factory=dict_row)
        .execute(
            f"""
            INSERT INTO api_keys (id, organization_id, name, hash, scopes, expires_at)
            VALUES (%s, %s, %s, %s, %s, %s) RETURNING {_COLUMNS}
            """,
            (key_id, organization_id, name, _hash(secret), sorted(set(scopes)), expires_at),
        )
        .fetchone()
    )
    assert row is not None
    return _key(row), f"ipk_{key_id}_{secret}"


def find(connection: Connection, text: str) -> ApiKey | None:
    """Return the key with this text, or None if there is none or if it has expired or was revoked."""
    match = _KEY.fullmatch(text)
    row = None
    if match is not None:
        row = (
            connection.cursor(row_factory=dict_row)
            .execute(f"SELECT {_COLUMNS}, hash FROM api_keys WHERE id = %s", (match[1],))
            .fetchone()
        )
    # Compare even if there is no such id, so that the response time does not show which ids exist.
    stored = row.pop("hash") if row is not None else bytes(32)
    same = hmac.compare_digest(stored, _hash(match[2] if match is not None else ""))
    if row is None or not same:
        return None
    key = _key(row)
    holds = key.revoked_at is None and (key.expires_at is None or key.expires_at > datetime.now(UTC))
    return key if holds else None


def list_keys(connection: Connection, organization_id: str | None) -> list[ApiKey]:
    """Return the keys of an organization, or of all organizations if it is None, oldest first."""
    rows = connection.cursor(row_factory=dict_row).execute(
        f"SELECT {_COLUMNS} FROM api_keys WHERE %(organization)s::text IS NULL OR organization_id = %(organization)s"
        " ORDER BY created_at, id",
        {"organization": organization_id},
    )
    return [_key(row) for row in rows.fetchall()]


def names(connection: Connection, organization_id: str, key_ids: Sequence[str]) -> dict[str, str]:
    """Return the names of keys of an organization by their ids; keys without a name are left out."""
    rows = connection.execute(
        "SELECT id, name FROM api_keys WHERE organization_id = %s AND id = ANY(%s) AND name IS NOT NULL",
        (organization_id, list(key_ids)),
    )
    return dict(rows.fetchall())


def revoke(connection: Connection, key_id: str) -> ApiKey:
    """Revoke a key at once. Revoking it again changes nothing. Raises ``InvalidKey`` if there is no such key."""
    row = (
        connection.cursor(row_factory=dict_row)
        .execute(
            f"UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = %s RETURNING {_COLUMNS}",
            (key_id,),
        )
        .fetchone()
    )
    if row is None:
        raise InvalidKey(f"there is no key {key_id!r}; `imports-pipeline keys list` shows the existing ones")
    return _key(row)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _key(row: dict[str, Any]) -> ApiKey:
    return ApiKey(**{**row, "scopes": tuple(row["scopes"])})
