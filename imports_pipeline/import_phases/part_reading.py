"""Read and check one large upload in parts, on any ``concurrent.futures.Executor``.

``reading/csv/records/split_points.py`` guesses where records begin, and each part begins at such a place. The parts are
checked independently, and each returns the place where it stopped. If the next part began there, its guess was right.
Otherwise the next part is checked again from the right place. The output is therefore the same as if the file had been
read in one piece: rows, lines, offsets, errors, and their order. Accepted rows stay in one file for each part
(``files/accepted_rows.py``); rejected rows and errors are merged into one file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from imports_pipeline.import_phases.checked_rows import CheckedRows, Outputs
from imports_pipeline.import_phases.files import left_out_cells, rejections
from imports_pipeline.import_phases.files.accepted_rows import part_names
from imports_pipeline.import_phases.files.rejected_rows_writer import rejected_writer
from imports_pipeline.import_phases.memory.fingerprints import Fingerprints
from imports_pipeline.import_phases.memory.known_rows import KnownRows
from imports_pipeline.import_phases.memory.recall import merge_fingerprints, recalling
from imports_pipeline.import_phases.opened_upload import Source
from imports_pipeline.import_phases.row_checks import check
from imports_pipeline.model import progress
from imports_pipeline.model.files import FINGERPRINTS, LEFT_OUT, REJECTED_ROWS, UPLOAD, Files, part
from imports_pipeline.model.files import rejections as rejections_file
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import BadCells
from imports_pipeline.model.phases import Phase
from imports_pipeline.reading import SplitPoint, TableReader
from imports_pipeline.reading.prefetch import combine_batches
from imports_pipeline.schemas.column_mapping.known_files.known_file import KnownFile
from imports_pipeline.schemas.column_mapping.sample import KnownCells

_ERRORS: Final = rejections_file(Phase.PREVALIDATION)
# Seconds between two checks if the import was cancelled or timed out, while parts are being read.
_POLL_SECONDS: Final = 1.0


@dataclass(frozen=True)
class PartReading:
    """How large files are read in parts.

    Attributes:
        executor: opens the executor that checks the parts; called only for a file that may have several.
        part_bytes: the approximate size of a part.
    """

    executor: Callable[[], AbstractContextManager[Executor]]
    part_bytes: int


@dataclass(frozen=True)
class _Part:
    """A part to check, as it is sent to another process; ``end`` is the byte offset of the next part.

    ``among`` has the known files: another machine may lack the user's own ones. ``fingerprints`` makes those of its
    records, if they are to be noted.
    """

    import_: Import
    among: Mapping[str, KnownFile]
    files: Files
    number: int
    count: int
    begin: SplitPoint
    end: int | None
    known_cells: KnownCells
    fingerprints: Fingerprints | None


@dataclass(frozen=True)
class _Checked:
    """The result of a part, and the place where the next record begins.

    ``doubtful`` is True if the meaning of a record depends on the line above it.
    """

    rows: CheckedRows
    stop: SplitPoint
    doubtful: bool


def check_parts(
    source: Source,
    files: Files,
    how: PartReading,
    checkpoint: Callable[[], None],
    fingerprints: Fingerprints | None = None,
) -> CheckedRows | None:
    """Check a file in parts; return the result, or ``None`` if the file has only one part.

    ``checkpoint`` may raise an error. Parts that have not started are then cancelled; running ones end by themselves.
    With ``fingerprints`` those of all rows are noted, unless the meaning of a row depends on the line above it.
    """
    assert isinstance(source.table, TableReader), "the items of a batch are never cut"
    # The executor is opened first, so that its processes start while the split points are searched.
    with how.executor() as executor:
        places = source.table.split_points(how.part_bytes)
        if len(places) <= 1:
            return None
        checked, is_doubtful = _check_places(executor, source, files, places, checkpoint, fingerprints)
    _merge_outputs(source, files, len(places))
    if fingerprints is not None:
        merge_fingerprints(files, [part(FINGERPRINTS, number) for number in range(len(places))])
    if is_doubtful:
        files.delete(FINGERPRINTS)
    return checked


def _check_places(
    executor: Executor,
    source: Source,
    files: Files,
    places: list[SplitPoint],
    checkpoint: Callable[[], None],
    fingerprints: Fingerprints | None,
) -> tuple[CheckedRows, bool]:
    """Check the parts that begin at ``places``; return the result, and if one of them is doubtful."""
    among = {source.known.name: source.known} if source.known else {}
    ends: list[int | None] = [place.byte_offset for place in places[1:]]
    parts = [
        _Part(source.import_, among, files, number, len(places), begin, end, source.known_cells, fingerprints)
        for number, (begin, end) in enumerate(zip(places, [*ends, None], strict=True))
    ]
    checked, is_doubtful = CheckedRows(0, 0), False
    begin = places[0]
    futures = [executor.submit(_check_part, one) for one in parts]
    try:
        for one, future in zip(parts, futures, strict=True):
            if one.begin == begin:
                done = _result(future, checkpoint)
            else:
                # Quotes misled the scan, and this part began in the middle of a record. Its result is ignored, even an
                # error such as a second header. It must have ended before its files are written again.
                _wait_for(future, checkpoint)
                done = _result(executor.submit(_check_part, replace(one, begin=begin)), checkpoint)
            begin = done.stop
            checked += done.rows
            is_doubtful |= done.doubtful
            progress.count(checked.total)
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    return checked, is_doubtful


def _check_part(one: _Part) -> _Checked:
    """Check one part, in a process of the executor."""
    rows = part_names(one.count)[one.number]
    rejected, errors, left_out = (part(name, one.number) for name in (REJECTED_ROWS, _ERRORS, LEFT_OUT))
    outputs = Outputs(rows, rejected, errors, left_out, one.count)
    with one.files.open_read(UPLOAD) as upload:
        source = Source.open(one.import_, upload, among=one.among, known_cells=one.known_cells)
        assert isinstance(source.table, TableReader), "the items of a batch are never cut"
        stretch = source.table.byte_range(one.begin, one.end)
        with _noting(one, source.table) as doubted:
            # No reading ahead in a thread: there is already one process for each core.
            batches = combine_batches(stretch.batches())
            checked = check(source, batches, one.files, outputs, doubted=doubted)
        return _Checked(checked, stretch.stop, source.table.doubtful)


@contextmanager
def _noting(one: _Part, table: TableReader) -> Iterator[Callable[[int, int], None]]:
    """Note the fingerprints of a part that is read in the block, if they are wanted."""
    if one.fingerprints is None:
        yield lambda *_: None
        return
    name = part(FINGERPRINTS, one.number)
    with recalling(table, one.files, one.fingerprints, KnownRows((), 0), name=name) as (_, doubted):
        yield doubted


def _result(future: Future[_Checked], checkpoint: Callable[[], None]) -> _Checked:
    _wait_for(future, checkpoint)
    return future.result()


def _wait_for(future: Future[_Checked], checkpoint: Callable[[], None]) -> None:
    checkpoint()
    while not wait([future], _POLL_SECONDS).done:
        checkpoint()


def _merge_outputs(source: Source, files: Files, count: int) -> None:
    """Merge the parts' rejected rows into one file, and so their errors and the cells that were left out."""
    with rejected_writer(files, REJECTED_ROWS, source.layout) as rows:
        _copy_parts(files, REJECTED_ROWS, count, rows.copy)
    names = {_ERRORS: rejections.SCHEMA}
    if source.import_.options.bad_cells is BadCells.LEAVE_OUT:
        names[LEFT_OUT] = left_out_cells.SCHEMA
    for name, schema in names.items():
        with rejections.writing_as(files, name, schema) as errors:
            _copy_parts(files, name, count, errors.add)
    for number in range(count):
        for name in (REJECTED_ROWS, *names):
            files.delete(part(name, number))


def _copy_parts(files: Files, name: str, count: int, add: Callable[[pa.Table], None]) -> None:
    """Add what ``count`` parts wrote under a name, in their order."""
    for number in range(count):
        with files.open_read(part(name, number)) as file:
            parquet = pq.ParquetFile(file, pre_buffer=False)
            for group in range(parquet.num_row_groups):
                add(parquet.read_row_group(group))
