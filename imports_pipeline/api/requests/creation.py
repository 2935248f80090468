"""Creation of a requested import: its record, its idempotency key and its file, in one transaction."""

from __future__ import annotations

import hashlib
import io
import shutil
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, Final, cast

from imports_pipeline.api.app_state import AppState
from imports_pipeline.api.requests.import_request import ImportRequest
from imports_pipeline.api.responses.envelope import Refusal
from imports_pipeline.database.row_security import Connection
from imports_pipeline.model.files import UPLOAD, UPLOAD_JSON
from imports_pipeline.model.imports import Import
from imports_pipeline.registry import idempotency, import_records, import_updates
from imports_pipeline.registry.api_keys import ApiKey

_CHUNK: Final = 1 << 20


def create(state: AppState, key: ApiKey, wanted: ImportRequest) -> tuple[Import, bool]:
    """Register the import with its file, or find the import that has this idempotency key.

    Returns:
        The import, and True if this call registered it.

    Raises:
        Refusal: the idempotency key was used with another request.
        OSError: the file cannot be stored; nothing has been registered.
    """
    organization = key.organization_id
    with state.access.of(organization) as connection:
        try:
            import_id, made = idempotency.once(
                connection,
                organization,
                wanted.idempotency_key,
                wanted.fingerprint,
                lambda: _make(state, connection, key, wanted),
            )
        except idempotency.KeyReused as error:
            raise Refusal(409, "idempotency_key_reused", str(error)) from None
        return import_records.get_import(connection, import_id, organization), made


def _make(state: AppState, connection: Connection, key: ApiKey, wanted: ImportRequest) -> str:
    content = wanted.content
    awaited = content is None
    settings = state.settings
    import_ = import_records.create_import(
        connection,
        organization_id=key.organization_id,
        resource=wanted.resource,
        options=wanted.options,
        name=wanted.name,
        source="upload_url" if awaited else "api",
        via=wanted.via,
        created_by=f"key:{key.id}",
        upload_expires_at=datetime.now(UTC) + timedelta(seconds=settings.upload_seconds) if awaited else None,
        upload_limit=settings.upload_bytes if awaited else None,
    )
    if content is None:
        return import_.id
    folder = state.store.folder(import_.folder)
    try:
        source = io.BytesIO(content) if isinstance(content, bytes) else content
        digest = hashlib.sha256()
        with folder.open_write(UPLOAD) as upload:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                upload.write(chunk)
        if wanted.items is not None:
            with folder.open_write(UPLOAD_JSON) as file:
                shutil.copyfileobj(cast(BinaryIO, io.BytesIO(wanted.items)), file)
        import_updates.update_import(
            connection, import_.id, checksum=digest.hexdigest(), has_upload_file=True
        )
    except BaseException:
        state.store.delete_folder(import_.folder)
        raise
    return import_.id
