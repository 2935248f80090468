"""What tests of file stores do again and again."""

from __future__ import annotations

from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.filestore.s3 import S3Store
from imports_pipeline.filestore.stores import Store

MIB = 1 << 20


def put(store: Store, key: str, content: bytes = b"x") -> None:
    with store.open_write(key) as file:
        file.write(content)


def content(store: Store, key: str) -> bytes:
    with store.open_read(key) as file:
        return file.read()


def keys(store: Store, folder: str = "", after: str | None = None) -> list[str]:
    return [file.key for file in store.list(folder, after=after)]


def leftovers(store: Store) -> list[str]:
    """Return what a write has left that is no file: temporary files, parts of an upload."""
    if isinstance(store, LocalStore):
        return [path.name for path in store.root.rglob("*.part")]
    assert isinstance(store, S3Store)
    found = store._call("list_multipart_uploads", Prefix=store._prefix)
    return [upload["Key"] for upload in found.get("Uploads", [])]
