"""Corrections of rows: a dry run of an import's stored upload in which some rows are replaced.

The whole file is checked again, not only the corrected rows, so that an overwrite stays a whole list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

import psycopg

from imports_pipeline.filestore.stores import Folder, Store
from imports_pipeline.import_phases.limits import Limits
from imports_pipeline.import_phases.opened_upload import Source, read_options
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.files import PARTS, UPLOAD
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import Compression, LineEnd
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.options import Options
from imports_pipeline.reading.corrections import write_corrected
from imports_pipeline.reading.options import Detected
from imports_pipeline.registry import import_records, import_updates
from imports_pipeline.schemas.column_mapping.known_files.recognition import NONE
from imports_pipeline.schemas.column_mapping.saved_mapping import SavedMapping
from imports_pipeline.workflow.approval import copy_upload

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Corrections:
    """What a person corrects: cells by line and header, and what the columns mean (``None`` to leave that)."""

    rows: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    column_mapping: Mapping[str, str] | None = None


def request_corrections(
    connection: Connection,
    store: Store,
    of: Import,
    corrections: Corrections,
    limits: Limits,
    *,
    source: str,
    created_by: str | None,
) -> Import:
    """Register the dry run that checks an import's upload again with these corrections.

    Args:
        connection: a connection in a transaction that may write the organization's imports.
        store: the file store with the upload.
        of: the import whose rows are corrected.
        corrections: the corrections.
        limits: the limits of uploads.
        source: the way in.
        created_by: the person or the key that corrects.

    Raises:
        InvalidOption: the import has no upload that can be corrected.
        InvalidCorrection: a line or a header is not in the file, or a cell cannot be written there.
        PermanentFailure: the upload is no table.
        OSError: the corrected file cannot be written; nothing is registered.
    """
    if of.reverts is not None or not of.has_upload_file or not store.exists(f"{of.folder}/{UPLOAD}"):
        raise InvalidOption(f"{of.id} has no stored file that could be corrected; import the file again.")
    options = replace(of.options, dry_run=True)
    if corrections.column_mapping is not None:
        # The import's own mapping has what a saved one said; fields that were taken from it must not come back.
        options = replace(options, column_mapping=dict(corrections.column_mapping), saved_mapping=None)
    import_ = import_records.create_import(
        connection,
        organization_id=of.organization_id,
        resource=of.resource,
        options=options,
        source=source,
        name=of.name,
        created_by=created_by,
        corrects=of.id,
    )
    if not corrections.rows:
        copy_upload(store, of, import_)
    else:
        before, after = store.folder(of.folder), store.folder(import_.folder)
        try:
            options = _write(before, after, of, options, corrections, limits)
        except BaseException:
            store.delete_folder(import_.folder)
            raise
        import_updates.update_import(connection, import_.id, options=options.given())
    import_updates.update_import(connection, import_.id, has_upload_file=True)
    return import_records.get_import(connection, import_.id)


def _write(
    before: Folder, after: Folder, of: Import, options: Options, corrections: Corrections, limits: Limits
) -> Options:
    """Write the corrected upload, and return the options with which it is read like the one before."""
    with before.open_read(UPLOAD) as upload, after.open_write(UPLOAD) as out:
        reading = read_options(of.options, limits.unpacking(of))
        table, longer = write_corrected(upload, reading, corrections.rows, out)
    if before.exists(PARTS):
        with before.open_read(PARTS) as file, after.open_write(PARTS) as parts:
            parts.write(json.dumps(_moved(json.load(file), longer)).encode())
    return _as_detected(options, table.detected)


def _moved(parts: list[dict[str, Any]], longer: Mapping[int, int]) -> list[dict[str, Any]]:
    """Return the lines of part files after corrected records have become longer or shorter."""
    moved = []
    for part in parts:
        first, end = part["first_line"], part["first_line"] + part["lines"]
        above = sum(lines for line, lines in longer.items() if line < first)
        within = sum(lines for line, lines in longer.items() if first <= line < end)
        moved.append({**part, "first_line": first + above, "lines": part["lines"] + within})
    return moved


def _as_detected(options: Options, detected: Detected) -> Options:
    """Return options that read a file as it was detected, so that a corrected cell changes nothing of that."""
    options = replace(options, header_line=detected.header_line)
    if detected.sheet:
        return replace(options, sheet=detected.sheet)
    return replace(
        options,
        encoding=detected.encoding,
        delimiter=detected.delimiter,
        quote=detected.quote,
        escape=detected.escape,
        line_end=LineEnd(detected.line_end),
        compression=Compression.GZIP if options.compression == "zip" else options.compression,
    )


def mapping_to_save(import_: Import, files: Folder, limits: Limits, name: str) -> SavedMapping | None:
    """Return the mapping of the columns of an import's upload; ``None`` if its columns cannot be mapped."""
    with files.open_read(UPLOAD) as upload:
        try:
            return _mapping(import_, upload, limits, name)
        except PermanentFailure:
            # The dry run fails for the same reason, and says it.
            return None


def _mapping(import_: Import, upload: BinaryIO, limits: Limits, name: str) -> SavedMapping:
    source = Source.open(import_, upload, read_options(import_.options, limits.unpacking(import_)))
    return SavedMapping(
        name,
        import_.resource,
        tuple(source.layout.header),
        dict(import_.options.column_mapping),
        source.known.name if source.known else NONE,
    )
