"""The JSON objects of imports and batches, with signed URLs of the requested files."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from imports_pipeline.filestore.stores import Store
from imports_pipeline.model.files import (
    ERRORS_CSV,
    ERRORS_JSON,
    ERRORS_XLSX,
    PLAN_CSV,
    PLAN_JSON,
    RESULT_JSON,
    UPLOAD,
    UPLOAD_JSON,
)
from imports_pipeline.model.imports import Import
from imports_pipeline.sources.upload_urls import key_of

# A download URL is valid for this many seconds.
_DOWNLOAD_SECONDS: Final = 900
#: The files that can be requested: name → (file in the import's folder, end of the suggested file name).
FILES: Final[Mapping[str, tuple[str, str]]] = {
    "upload_csv": (UPLOAD, "upload.csv"),
    "upload_json": (UPLOAD_JSON, "upload.json"),
    "errors_csv": (ERRORS_CSV, "errors.csv"),
    "errors_json": (ERRORS_JSON, "errors.json"),
    "errors_xlsx": (ERRORS_XLSX, "errors.xlsx"),
    "result_json": (RESULT_JSON, "result.json"),
    "plan_csv": (PLAN_CSV, "plan.csv"),
    "plan_json": (PLAN_JSON, "plan.json"),
}
# The first bytes of uploads that are not plain text, and the end of their suggested file name.
_PACKED: Final = ((b"PK\x03\x04", "upload.xlsx"), (b"\x1f\x8b", "upload.csv.gz"))


def import_object(import_: Import, store: Store, include: Iterable[str] = ()) -> dict[str, Any]:
    """Return the JSON object of an import. The URL of a requested file that does not exist is null."""
    shown = import_.as_object()
    if import_.awaits_upload:
        shown["_upload_url"] = upload_url(import_, store)
    folder = store.folder(import_.folder)
    for requested in include:
        name, ending = FILES[requested]
        exists = folder.exists(name)
        if exists and name == UPLOAD:
            ending = _ending(folder.open_read(UPLOAD))
        shown[f"_{requested}_url"] = (
            store.signed_download(
                f"{import_.folder}/{name}", _DOWNLOAD_SECONDS, file_name=f"{import_.id}-{ending}"
            )
            if exists
            else None
        )
    return shown


def batch_object(import_: Import, store: Store, include: Iterable[str] = ()) -> dict[str, Any]:
    """Return the JSON object of a batch, with signed URLs of the requested files."""
    shown = import_object(import_, store, include)
    urls = {name: value for name, value in shown.items() if name.startswith("_")}
    return {**import_.as_batch(), **urls}


def upload_url(import_: Import, store: Store) -> str | None:
    """Return the signed PUT URL of an import that waits for its file, or None if the time for it is over."""
    assert import_.upload_expires_at is not None, "only an import that waits for its file has an upload URL"
    assert import_.upload_limit is not None, "an import that waits for its file has an upload limit"
    seconds = int(import_.upload_expires_at.timestamp() - time.time())
    if seconds <= 0:
        return None
    return store.signed_upload(key_of(import_.id), seconds, limit=import_.upload_limit)


def _ending(upload: Any) -> str:
    with upload:
        head = upload.read(4)
    return next((ending for mark, ending in _PACKED if head.startswith(mark)), "upload.csv")
