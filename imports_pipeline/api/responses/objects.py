"""Objects as callers see them: what is recorded, and signed URLs of the files that were asked for."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from imports_pipeline.filestore.stores import Store
from imports_pipeline.model.files import (
    ERRORS_CSV,
    ERRORS_JSON,
    PLAN_CSV,
    PLAN_JSON,
    RESULT_JSON,
    UPLOAD,
    UPLOAD_JSON,
)
from imports_pipeline.model.imports import Import
from imports_pipeline.sources.upload_urls import key_of

#: How many seconds a download URL is valid.
_DOWNLOAD_SECONDS: Final = 900
#: what can be asked for → its file, and the ending of the name that it is saved under
FILES: Final[Mapping[str, tuple[str, str]]] = {
    "upload_csv": (UPLOAD, "upload.csv"),
    "upload_json": (UPLOAD_JSON, "upload.json"),
    "errors_csv": (ERRORS_CSV, "errors.csv"),
    "errors_json": (ERRORS_JSON, "errors.json"),
    "result_json": (RESULT_JSON, "result.json"),
    "plan_csv": (PLAN_CSV, "plan.csv"),
    "plan_json": (PLAN_JSON, "plan.json"),
}
#: What an upload is that is no plain text, by how it begins.
_PACKED: Final = ((b"PK\x03\x04", "upload.xlsx"), (b"\x1f\x8b", "upload.csv.gz"))


def import_object(import_: Import, store: Store, include: Iterable[str] = ()) -> dict[str, Any]:
    """Return the import object of; a file that was asked for and is not there has null for its URL."""
    shown = import_.as_object()
    if import_.awaits_upload:
        shown["_upload_url"] = upload_url(import_, store)
    folder = store.folder(import_.folder)
    for asked in include:
        name, ending = FILES[asked]
        there = folder.exists(name)
        if there and name == UPLOAD:
            ending = _ending(folder.open_read(UPLOAD))
        shown[f"_{asked}_url"] = (
            store.signed_download(
                f"{import_.folder}/{name}", _DOWNLOAD_SECONDS, file_name=f"{import_.id}-{ending}"
            )
            if there
            else None
        )
    return shown


def batch_object(import_: Import, store: Store, include: Iterable[str] = ()) -> dict[str, Any]:
    """Return the batch object of, with signed URLs of the files that were asked for."""
    shown = import_object(import_, store, include)
    urls = {name: value for name, value in shown.items() if name.startswith("_")}
    return {**import_.as_batch(), **urls}


def upload_url(import_: Import, store: Store) -> str | None:
    """Return the signed PUT of an import that waits for its file, for as long as it waits."""
    assert import_.upload_expires_at is not None, "only an import that waits has an upload URL"
    assert import_.upload_limit is not None, "whoever lets it wait bounds the upload"
    seconds = int(import_.upload_expires_at.timestamp() - time.time())
    if seconds <= 0:
        return None
    return store.signed_upload(key_of(import_.id), seconds, limit=import_.upload_limit)


def _ending(upload: Any) -> str:
    with upload:
        head = upload.read(4)
    return next((ending for mark, ending in _PACKED if head.startswith(mark)), "upload.csv")
