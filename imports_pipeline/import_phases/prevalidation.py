"""Prevalidation: parses the file, maps its columns, checks every row; the accepted ones go to ``rows.parquet``.

Streams: one batch of rows at a time from the reader through the checks to Parquet. A row that cannot be read
or breaks a rule goes to ``rejected_rows.parquet`` with its cells as written, and its errors beside it
(``import_phases/row_checks.py``). A large file may be read part by part at the same time
(``import_phases/part_reading.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

from imports_pipeline.import_phases import part_reading
from imports_pipeline.import_phases.limits import USUAL, Limits
from imports_pipeline.import_phases.part_reading import PartReading
from imports_pipeline.import_phases.row_checks import Outputs, Source, check, read_options
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.files import UPLOAD, Files
from imports_pipeline.model.imports import Import
from imports_pipeline.model.options import Mode
from imports_pipeline.model.phases import Phase, PhaseResult
from imports_pipeline.reading.json_items import ItemsReader
from imports_pipeline.reading.prefetch import prefetch

__all__ = ["prevalidate", "read_options"]


def prevalidate(
    import_: Import,
    files: Files,
    *,
    sync_rows: int,
    checkpoint: Callable[[], None] = lambda: None,
    parts: PartReading | None = None,
    limits: Limits = USUAL,
) -> PhaseResult:
    """Read and check the upload; ``facts`` holds what was ``detected``.

    ``sync_rows`` is the most rows that mode ``sync`` takes, and ``limits`` says what any file may have;
    ``checkpoint`` is called between batches and may raise. With ``parts`` a large file is read by several
    processes; what is written is the same. Raises ``PermanentFailure`` when the file is no table, is over a limit,
    or lacks a column that the action needs.
    """
    is_sync = import_.options.mode is Mode.SYNC

    def counted(rows: int) -> None:
        checkpoint()
        limits.check_rows(import_, rows)
        if is_sync and rows > sync_rows:
            raise PermanentFailure(
                "sync_limit_exceeded",
                f"The file has more than the {sync_rows:,} rows that mode sync takes; use mode mixed.",
            )

    reading = read_options(import_.options, limits.unpacking(import_))
    if is_sync:
        # The row behind the limit is the last that is read.
        reading = replace(reading, batch_rows=min(reading.batch_rows, sync_rows + 1))
    with files.open_read(UPLOAD) as upload:
        source = Source.open(import_, upload, reading)
        done = None
        if parts and not is_sync and _is_large(source, upload, parts):
            done = part_reading.check_parts(source, files, parts, checkpoint)
        if done is None:
            done = check(source, prefetch(source.table.batches()), files, Outputs(), counted)
        detected = source.detected(done.passed_over)
        limits.check_rows(import_, done.total)
        return PhaseResult(
            Phase.PREVALIDATION, done.total, done.rejected, {"detected": detected}, source.notices()
        )


def _is_large(source: Source, upload: BinaryIO, parts: PartReading) -> bool:
    """Return whether the file may have several parts; the items of a batch are never cut."""
    if isinstance(source.table, ItemsReader) or source.table.in_one_piece:
        return False
    return upload.seek(0, 2) > parts.part_bytes
