"""Prevalidation, the first phase: parses the file, maps its columns and checks every row.

Rows are streamed: one batch at a time goes from the reader through the checks (``row_checks.py``) to Parquet. Accepted
rows are written to ``rows.parquet``. A row that cannot be parsed or breaks a rule is written to
``rejected_rows.parquet`` with its cells as they are in the file, and its errors to a file of their own. Several
processes may read the parts of a large file at the same time (``part_reading.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, BinaryIO

from imports_pipeline.import_phases import part_reading
from imports_pipeline.import_phases.checked_rows import CheckedRows, Outputs, SampleMisled
from imports_pipeline.import_phases.continued_rows import join_continued, list_columns
from imports_pipeline.import_phases.files import left_out_cells
from imports_pipeline.import_phases.limits import USUAL, Limits
from imports_pipeline.import_phases.memory.remembering import Remembering
from imports_pipeline.import_phases.opened_upload import Source, read_options
from imports_pipeline.import_phases.part_reading import PartReading
from imports_pipeline.import_phases.row_checks import check
from imports_pipeline.model import progress
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.files import UPLOAD, Files
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import BadCells, Mode
from imports_pipeline.model.phases import Phase, PhaseResult
from imports_pipeline.reading import RowBatch
from imports_pipeline.reading.json_items import ItemsReader
from imports_pipeline.reading.prefetch import prefetch
from imports_pipeline.schemas.column_mapping.saved_mapping import SavedMapping, SavedMappings

__all__ = ["prevalidate", "read_options"]


def prevalidate(
    import_: Import,
    files: Files,
    *,
    sync_rows: int,
    checkpoint: Callable[[], None] = lambda: None,
    parts: PartReading | None = None,
    limits: Limits = USUAL,
    saved: SavedMapping | SavedMappings | None = None,
    remembering: Remembering | None = None,
) -> PhaseResult:
    """Read and check the upload; ``facts`` holds ``detected``, the properties of the file.

    Args:
        import_: the import.
        files: its files.
        sync_rows: the most rows that mode ``sync`` takes.
        checkpoint: called between batches; it may raise an error to stop the phase.
        parts: how several processes read a large file; its output is the same as without.
        limits: the limits of every file.
        saved: the saved mapping that the options name, or those of which they take the one for the header.
        remembering: the use of the memory of the last file; without it every row is read.

    Raises:
        PermanentFailure: if the file is no table, is over a limit, or lacks a column that the action needs.
    """
    is_sync = import_.options.mode is Mode.SYNC

    def counted(rows: int) -> None:
        checkpoint()
        progress.count(rows)
        limits.check_rows(import_, rows)
        if is_sync and rows > sync_rows:
            raise PermanentFailure(
                "sync_limit_exceeded",
                f"The file has more than the {sync_rows:,} rows that mode sync takes; use mode mixed.",
            )

    reading = read_options(import_.options, limits.unpacking(import_))
    if is_sync:
        # Read at most one row more than the limit.
        reading = replace(reading, batch_rows=min(reading.batch_rows, sync_rows + 1))
    with files.open_read(UPLOAD) as upload:

        def check_all(source: Source) -> CheckedRows:
            done = in_parts = None
            if parts and not is_sync and _is_large(source, upload, parts):
                in_parts = partial(part_reading.check_parts, source, files, parts, checkpoint)
            if remembering is not None:
                done = remembering.check(
                    source,
                    upload.seek(0, 2),
                    lambda doubted: check(source, _batches(source), files, Outputs(), counted, doubted),
                    in_parts,
                )
            if done is None and in_parts is not None:
                done = in_parts()
            return done or check(source, _batches(source), files, Outputs(), counted)

        source = Source.open(import_, upload, reading, saved=saved)
        while True:
            try:
                done = check_all(source)
                break
            except SampleMisled as found:
                # Rare, and each round knows a column more: the rows are read again, with the columns understood anew.
                known = source.known_cells | found.args[0]
                source = Source.open(import_, upload, reading, saved=saved, known_cells=known)
        detected = source.detected(done.passed_over)
        limits.check_rows(import_, done.total)
        notices = source.notices(done)
        if source.import_.options.bad_cells is BadCells.LEAVE_OUT:
            notices += left_out_cells.notices(files)
        if remembering is not None:
            notices += tuple(remembering.notices)
            if remembering.remembered:
                detected["remembered"] = remembering.remembered
        facts: dict[str, Any] = {"detected": detected}
        if source.import_.options != import_.options:
            # What is known about the file has set options that the caller left open; later phases go by them.
            facts["options"] = source.import_.options.given()
        return PhaseResult(Phase.PREVALIDATION, done.total, done.rejected, facts, notices)


def _batches(source: Source) -> Iterator[RowBatch]:
    """Return the rows of a file, one row for each record."""
    batches = prefetch(source.table.batches())
    return join_continued(batches, list_columns(source.mapping)) if source.has_continued_rows else batches


def _is_large(source: Source, upload: BinaryIO, parts: PartReading) -> bool:
    """Return True if the file may have several parts.

    The items of a batch are always read in one piece, and a file whose rows continue others, since a part could begin
    with such a row.
    """
    if isinstance(source.table, ItemsReader) or source.table.in_one_piece or source.has_continued_rows:
        return False
    return upload.seek(0, 2) > parts.part_bytes
