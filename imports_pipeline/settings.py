"""Settings from the environment, each read here and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """What one installation sets: where its files are, and the limits of mode ``sync``."""

    #: holds the embedded database, the file store and keys (``IMPORTS_HOME``)
    home: Path
    #: the most rows that mode ``sync`` takes (``IMPORTS_SYNC_ROWS``)
    sync_rows: int = 10_000
    #: the most bytes that mode ``sync`` takes (``IMPORTS_SYNC_BYTES``)
    sync_bytes: int = 10 * 1024 * 1024
    #: how long what records were before an import is kept (``IMPORTS_HISTORY_DAYS``)
    history_days: int = 30

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings. Raises ``ValueError`` naming the variable that cannot be read."""
        return cls(
            home=Path(environ.get("IMPORTS_HOME") or ".imports").resolve(),
            sync_rows=_number(environ, "IMPORTS_SYNC_ROWS", cls.sync_rows),
            sync_bytes=_number(environ, "IMPORTS_SYNC_BYTES", cls.sync_bytes),
            history_days=_number(environ, "IMPORTS_HISTORY_DAYS", cls.history_days),
        )


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise ValueError(f"{name} takes a whole number, not {text!r}")
    return int(text)
