"""Opening the file store that the settings name: a local folder, or S3."""

from __future__ import annotations

from pathlib import Path

from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.filestore.stores import Store
from imports_pipeline.settings import Settings


def open_store(settings: Settings) -> Store:
    """Return the store that ``STORE_URL`` names, without a request to it (``Store.check`` makes one)."""
    if settings.store_url.startswith("s3://"):
        # botocore and aiohttp take a third of a second to load, which an import from a local folder does not need.
        from imports_pipeline.filestore.s3 import S3Store

        return S3Store(settings.store_url)
    root = Path(settings.store_url) if settings.store_url else settings.home / "files"
    return LocalStore(root, keys=settings.home / "keys", api_url=settings.api_url)
