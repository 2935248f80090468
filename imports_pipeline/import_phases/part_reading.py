"""Reads and checks one large upload part by part, on whatever ``concurrent.futures.Executor`` it is given.

The parts begin where ``reading/csv/split_points.py`` guesses that records do. Each is checked by itself, and says
where it stopped: if that is where the next one began, the next was right, and so on from the first. A part that was not
is checked again from the right place. So what is written is the same as if the file had been read in one piece:
rows, lines, offsets, errors, and their order. Accepted rows stay in one file a part
(``import_phases/files/accepted_rows.py``); what was rejected is put together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final

import pyarrow.parquet as pq

from imports_pipeline.import_phases.files import rejections
from imports_pipeline.import_phases.files.accepted_rows import part_names
from imports_pipeline.import_phases.row_checks import (
    CheckedRows,
    Outputs,
    Source,
    check,
    rejected_writer,
)
from imports_pipeline.model.files import REJECTED_ROWS, UPLOAD, Files, part
from imports_pipeline.model.files import rejections as rejections_file
from imports_pipeline.model.imports import Import
from imports_pipeline.model.phases import Phase
from imports_pipeline.reading import SplitPoint, TableReader
from imports_pipeline.reading.prefetch import combine_batches
from imports_pipeline.schemas.column_mapping.known_file import KnownFile

_ERRORS: Final = rejections_file(Phase.PREVALIDATION)
#: How often to look whether the import may still go on, while parts are being checked.
_POLL_SECONDS: Final = 1.0


@dataclass(frozen=True)
class PartReading:
    """How large files are read: by what, opened where there is something to do, and about how many bytes a part has."""

    executor: Callable[[], AbstractContextManager[Executor]]
    part_bytes: int


@dataclass(frozen=True)
class _Part:
    """A part to check, as it goes to another process; ``end`` is the offset where the next one begins.

    ``among`` has what is known about files of this kind: another machine may not have the user's own known files.
    """

    import_: Import
    among: Mapping[str, KnownFile]
    files: Files
    number: int
    count: int
    begin: SplitPoint
    end: int | None


@dataclass(frozen=True)
class _Checked:
    """What came of a part, and where the next record begins."""

    rows: CheckedRows
    stop: SplitPoint


def check_parts(
    source: Source, files: Files, how: PartReading, checkpoint: Callable[[], None]
) -> CheckedRows | None:
    """Check a file in parts; return what came of it, or nothing if it has one part.

    ``checkpoint`` may raise; parts that wait are then given up, those under way end by themselves.
    """
    assert isinstance(source.table, TableReader), "the items of a batch are never cut"
    # Opened first: processes start while it is found out where the parts begin.
    with how.executor() as executor:
        places = source.table.split_points(how.part_bytes)
        if len(places) <= 1:
            return None
        checked = _check_places(executor, source, files, places, checkpoint)
    _merge_outputs(source, files, len(places))
    return checked


def _check_places(
    executor: Executor, source: Source, files: Files, places: list[SplitPoint], checkpoint: Callable[[], None]
) -> CheckedRows:
    """Check the parts that begin at ``places``."""
    among = {source.known.name: source.known} if source.known else {}
    ends: list[int | None] = [place.byte_offset for place in places[1:]]
    parts = [
        _Part(source.import_, among, files, number, len(places), begin, end)
        for number, (begin, end) in enumerate(zip(places, [*ends, None], strict=True))
    ]
    checked = CheckedRows(0, 0)
    begin = places[0]
    futures = [executor.submit(_check_part, one) for one in parts]
    try:
        for one, future in zip(parts, futures, strict=True):
            if one.begin == begin:
                done = _result(future, checkpoint)
            else:
                # The quotes misled the scan: this part began amid a record. What it says does not count, also if it
                # took a cell for another header; but it must end before its files are written again.
                _wait_for(future, checkpoint)
                done = _result(executor.submit(_check_part, replace(one, begin=begin)), checkpoint)
            begin = done.stop
            checked += done.rows
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    return checked


def _check_part(one: _Part) -> _Checked:
    """Check a part: the work of one process."""
    rows = part_names(one.count)[one.number]
    outputs = Outputs(rows, part(REJECTED_ROWS, one.number), part(_ERRORS, one.number), one.count)
    with one.files.open_read(UPLOAD) as upload:
        source = Source.open(one.import_, upload, among=one.among)
        assert isinstance(source.table, TableReader), "the items of a batch are never cut"
        stretch = source.table.byte_range(one.begin, one.end)
        # Not read ahead: a process for each core leaves none to a further thread.
        checked = check(source, combine_batches(stretch.batches()), one.files, outputs)
        return _Checked(checked, stretch.stop)


def _result(future: Future[_Checked], checkpoint: Callable[[], None]) -> _Checked:
    _wait_for(future, checkpoint)
    return future.result()


def _wait_for(future: Future[_Checked], checkpoint: Callable[[], None]) -> None:
    checkpoint()
    while not wait([future], _POLL_SECONDS).done:
        checkpoint()


def _merge_outputs(source: Source, files: Files, count: int) -> None:
    """Make one file of the parts' rejected rows, and one of their errors."""
    with (
        rejections.writing_as(files, _ERRORS) as errors,
        rejected_writer(files, REJECTED_ROWS, source.layout) as rows,
    ):
        for number in range(count):
            with files.open_read(part(REJECTED_ROWS, number)) as file:
                parquet = pq.ParquetFile(file, pre_buffer=False)
                for group in range(parquet.num_row_groups):
                    rows.copy(parquet.read_row_group(group))
            with files.open_read(part(_ERRORS, number)) as file:
                parquet = pq.ParquetFile(file, pre_buffer=False)
                for group in range(parquet.num_row_groups):
                    errors.add(parquet.read_row_group(group))
    for number in range(count):
        files.delete(part(REJECTED_ROWS, number))
        files.delete(part(_ERRORS, number))
