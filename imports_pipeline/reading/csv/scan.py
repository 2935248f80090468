"""One pass over a file: header, then batches of rows and malformed records in file order."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from copy import copy
from functools import partial
from itertools import pairwise
from typing import BinaryIO, Final, NamedTuple

import numpy as np
import pyarrow as pa

from imports_pipeline.reading.csv.arrow_parser import ColumnParser
from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline.reading.csv.malformed_messages import message
from imports_pipeline.reading.csv.malformed_records import MalformedRecordBuilder, gc_paused
from imports_pipeline.reading.csv.parse_result import Cells, RecordError
from imports_pipeline.reading.csv.records.byte_ranges import ByteRange, RangeEnd
from imports_pipeline.reading.csv.records.gathered_rows import GatheredRows, Rows
from imports_pipeline.reading.csv.records.record_filter import RecordFilter
from imports_pipeline.reading.csv.records.record_finder import RecordFinder, Records
from imports_pipeline.reading.csv.records.record_widths import Widths, normalize_widths
from imports_pipeline.reading.csv.records.spans import Spans, span, spans_of
from imports_pipeline.reading.csv.records.split_points import SplitPoint, split_points
from imports_pipeline.reading.csv.records.window import BLOCK_BYTES, Window
from imports_pipeline.reading.csv.reference_parser import ReferenceParser
from imports_pipeline.reading.detection.encodings import Encoding, Offsets
from imports_pipeline.reading.options import NotATable, ReadOptions
from imports_pipeline.reading.records import MalformedRecords, RowBatch

# How many bytes of a file are read for a sample of its rows.
_SAMPLE_BYTES: Final = 256 * 1024
_DIGITS: Final = re.compile(rb"\d{3}")


class Header(NamedTuple):
    """The header of a file.

    Attributes:
        cells: Its cells as written.
        line: Its physical line, from 1.
        rows_offset: The offset in the original file at which the rows begin.
        rows_line: The physical line at which the rows begin.
    """

    cells: tuple[str, ...]
    line: int
    rows_offset: int
    rows_line: int


class _PendingBatch(NamedTuple):
    """A batch whose columns may still be under construction in another thread; ``columns`` waits for them."""

    columns: Callable[[], pa.RecordBatch]
    line: Offsets
    byte_offset: Offsets
    malformed: MalformedRecords


class Scan:
    """Reads a file whose encoding, dialect and header line are known. Every pass starts at the top."""

    def __init__(
        self, source: BinaryIO, encoding: Encoding, dialect: Dialect, header_line: int, options: ReadOptions
    ) -> None:
        """Keep the properties of the file. Nothing is read yet."""
        self.source, self.encoding, self.dialect = source, encoding, dialect
        self._header_line, self._options = header_line, options
        self._widths: Widths | None = None
        # Tests set small blocks: records must not depend on where blocks end.
        self.block_bytes = BLOCK_BYTES
        # Decides in ``batches`` which plain records become rows.
        self.record_filter: RecordFilter | None = None

    def header(self) -> Header:
        """Return the header. Raises ``NotATable`` if the header line is blank, missing or malformed."""
        return self._begin()[1]

    @property
    def widths(self) -> Widths | None:
        """The numbers of cells that rows may have, or None if all rows have the header's."""
        return self._widths

    def set_widths(self, widths: Widths) -> None:
        """Set the numbers of cells that rows may have (``compare_widths``); by default, the header's."""
        self._widths = None if widths.plain else widths

    def batches(self) -> Iterator[RowBatch]:
        """Yield all records after the header, in file order."""
        window, header = self._begin()
        # One thread builds the columns of a block while the other finds the records of the next; both release the GIL.
        with ThreadPoolExecutor(1, thread_name_prefix="columns") as pool:
            yield from self._batches(window, self._width(header), RangeEnd(None, self.encoding), pool)

    def spans(self) -> Iterator[Spans]:
        """Yield where all records after the header are, also malformed ones and those that are no rows."""
        window, header = self._begin()
        parser = ReferenceParser(self.dialect, self._width(header), self._options.max_record_bytes)
        builder = MalformedRecordBuilder(self.encoding, parser, self._widths)
        too_long: tuple[int, int] | None = None
        for records, _ in self._records(window, RecordFinder(parser), builder, RangeEnd(None, self.encoding)):
            if too_long is not None:
                yield span(*too_long, window.origin)
                too_long = None
            if not records.consumed:
                # The record is over the size limit; `_records` skips it when it goes on.
                too_long = (window.line, window.origin)
                continue
            yield spans_of(window, records, self.encoding)
            window.drop(records.consumed, int(np.searchsorted(records.lines, records.consumed, "right")))
        if too_long is not None:
            yield span(*too_long, window.origin)

    def parser(self) -> ReferenceParser:
        """Return the parser of one record, for rows of the file's usual width."""
        return ReferenceParser(self.dialect, self._width(self.header()), self._options.max_record_bytes)

    def sample(self) -> RowBatch | None:
        """Return some of the first rows, or ``None`` if none can be read."""
        # A whole block, of some 100,000 rows, would take longer than the rest of opening a file.
        short = copy(self)
        short.block_bytes, short.record_filter = _SAMPLE_BYTES, None
        window, header = short._begin()
        batches = short._batches(window, short._width(header), RangeEnd(None, short.encoding))
        return next((batch for batch in batches if batch.cells.num_rows), None)

    def split_points(self, part_bytes: int) -> Iterator[SplitPoint]:
        """Yield where parts of about ``part_bytes`` begin. If quotes are wrong, a part may begin inside a record."""
        window, _ = self._begin()
        return split_points(self.source, self.encoding, self.dialect, window.position, part_bytes)

    def byte_range(self, begin: SplitPoint, end: int | None) -> ByteRange:
        """Return the records from ``begin``, at which a record must begin, to the last one that begins before ``end``.

        It is read in the calling thread, because a caller that reads byte ranges has a process for each core.
        """
        width = self._width(self.header())
        window = Window(self.source, self.encoding, self.dialect, self.block_bytes, begin)
        return ByteRange(window, lambda: self._batches(window, width, RangeEnd(end, self.encoding)))

    def _batches(
        self, window: Window, width: int, range_end: RangeEnd, pool: Executor | None = None
    ) -> Iterator[RowBatch]:
        parser = ReferenceParser(self.dialect, width, self._options.max_record_bytes)
        builder = MalformedRecordBuilder(self.encoding, parser, self._widths)
        finder, columns = RecordFinder(parser), ColumnParser(self.dialect, width)
        pending: deque[_PendingBatch] = deque()
        pending_limit = 0 if pool is None else 1
        gathered = GatheredRows(0 if self.record_filter is None else self._options.batch_rows // 8)
        for records, malformed in self._records(window, finder, builder, range_end):
            rows = gathered.add(self._rows(window, records, malformed, columns))
            window.drop(records.consumed, int(np.searchsorted(records.lines, records.consumed, "right")))
            if rows is not None:
                pending.append(self._columns(rows, columns, pool))
            if len(pending) > pending_limit:
                yield from self._in_parts(pending.popleft())
            if self.record_filter is not None and self.record_filter.enough:
                break
        if (rows := gathered.rest()) is not None:
            pending.append(self._columns(rows, columns, pool))
        while pending:
            yield from self._in_parts(pending.popleft())

    def _width(self, header: Header) -> int:
        return len(header.cells) if self._widths is None else self._widths.usual

    def _begin(self) -> tuple[Window, Header]:
        window = Window(self.source, self.encoding, self.dialect, self.block_bytes)
        window.more()
        window.skip_lines(self._header_line - 1)
        parser = ReferenceParser(self.dialect, 0, self._options.max_record_bytes)
        line = window.line
        while True:
            undecodable = self.encoding.undecodable(window.data, window.complete).tolist()
            if window.complete or window.final:
                if not window.data:
                    raise NotATable("no_header", f"The file ends before line {self._header_line}.", line=line)
                result = parser.read(window.data, 0, window.final, undecodable)
                if result.end >= 0:
                    break
            elif len(window.data) > self._options.max_record_bytes:
                raise self._no_header(RecordError("record_too_long", []), window)
            window.more()
        if result.error is not None or not result.rows:
            raise self._no_header(result.error, window)
        if (column := swallowed_column(result.rows[0][1], self.dialect)) is not None:
            raise self._no_header(RecordError("unclosed_quote", [], column), window)
        cells = tuple(self.encoding.to_text(cell) for cell in result.rows[0][1])
        text = window.data[: result.end]
        window.drop(result.end, text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n"))
        return window, Header(cells, line, window.origin, window.line)

    def _no_header(self, error: RecordError | None, window: Window) -> NotATable:
        if error is None:
            what = "it is blank."
        else:
            what = message(
                error.message or error.code,
                count=len(error.cells),
                width=0,
                column=error.column,
                encoding=self.encoding.name,
                limit=self._options.max_record_bytes,
            )
        return NotATable(
            "no_header",
            f"Line {window.line} cannot be the header: {what} If another line is the header, give header_line.",
            line=window.line,
            byte_offset=window.origin,
        )

    def _records(
        self, window: Window, finder: RecordFinder, builder: MalformedRecordBuilder, range_end: RangeEnd
    ) -> Iterator[tuple[Records, MalformedRecords]]:
        """Yield the records of one block after the other. The consumer advances the window."""
        limit = self._options.max_record_bytes
        none = np.zeros(0, np.int64)
        nothing = Records(none, none, none, none, none, none, [], 0, none)
        needs_more = False
        while (window.data or not window.final) and not range_end.reached(window):
            if needs_more or (not window.complete and len(window.data) <= limit):
                window.more()
                needs_more = False
                continue
            complete = window.complete
            if not complete:
                yield nothing, builder.too_long(window)
                window.skip_line()
                continue
            undecodable = self.encoding.undecodable(window.data, complete)
            with gc_paused():
                records = finder.find(window.data, complete, window.final, undecodable, window.after_return)
                records = range_end.trim(window, records)
                if self._widths is not None:
                    records = normalize_widths(window.data, records, finder.parser.tokenizer, self._widths)
                malformed = builder.build(window, records, undecodable)
            needs_more = not window.final
            if records.consumed:
                yield records, malformed

    def _rows(
        self, window: Window, records: Records, malformed: MalformedRecords, parser: ColumnParser
    ) -> Rows:
        if self.record_filter is not None:
            records = self._kept(window, records, self.record_filter)
        data, starts = window.data, records.starts
        rewritten = [row for _, result in records.others for row in result.rows]
        if rewritten:
            starts = np.sort(np.concatenate((starts, np.array([at for at, _ in rewritten], np.int64))))
        line = window.line + np.searchsorted(records.lines, starts, "right")
        byte_offset = window.origin + self.encoding.original_offsets(data, starts)
        pieces = _pieces(data, records.starts, records.ends)
        if rewritten:
            pieces = _merged(data, records, [(at, parser.write(cells)) for at, cells in rewritten])
        return Rows(pieces, line, byte_offset, malformed)

    def _columns(self, rows: Rows, parser: ColumnParser, pool: Executor | None) -> _PendingBatch:
        given = None if self._widths is None else self._widths.given
        parse = partial(_parse, parser, rows.pieces, len(rows.line), given)
        columns = parse if pool is None else pool.submit(parse).result
        return _PendingBatch(columns, rows.line, rows.byte_offset, rows.malformed)

    def _kept(self, window: Window, records: Records, record_filter: RecordFilter) -> Records:
        data, starts, ends = window.data, records.starts, records.ends
        line = window.line + np.searchsorted(records.lines, starts, "right")
        byte_offset = window.origin + self.encoding.original_offsets(data, starts)
        kept = record_filter.kept(data, starts, ends, line, byte_offset)
        return records if kept is None else records._replace(starts=starts[kept], ends=ends[kept])

    def _in_parts(self, pending: _PendingBatch) -> Iterator[RowBatch]:
        """Yield a batch in parts of about ``batch_rows`` rows."""
        columns, rows = pending.columns(), self._options.batch_rows
        count, malformed = columns.num_rows, pending.malformed
        if not count and not malformed:
            return
        parts = max(1, round(count / rows))
        edges = [count * part // parts for part in range(parts + 1)]
        offsets = malformed.table["byte_offset"].to_numpy()
        reported = 0
        for begin, end in pairwise(edges):
            upto = len(malformed)
            if end < count:
                upto = int(np.searchsorted(offsets, pending.byte_offset[end], "right"))
            yield RowBatch(
                columns.slice(begin, end - begin),
                pa.array(pending.line[begin:end]),
                pa.array(pending.byte_offset[begin:end]),
                malformed[reported:upto],
            )
            reported = upto


def swallowed_column(header: Cells, dialect: Dialect) -> int | None:
    """Return the number of the header's cell that contains whole rows because its quote was not meant to open it."""
    width, delimiter = len(header), dialect.delimiter.encode()
    for column, cell in enumerate(header, 1):
        lines = [line for line in cell.splitlines()[1:] if line.count(delimiter) >= max(1, width - 1)]
        # One line with a delimiter in it may also be text, "Phone\n(home, work)".
        if len(lines) > 1 or any(width > 2 or b"@" in line or _DIGITS.search(line) for line in lines):
            return column
    return None


def _parse(
    parser: ColumnParser, pieces: Sequence[memoryview | bytes], count: int, given: int | None
) -> pa.RecordBatch:
    columns = parser.parse(pieces[0] if len(pieces) == 1 else b"".join(pieces), count)
    return columns if given is None else columns.select(list(range(given)))


def _pieces(data: bytes, starts: Offsets, ends: Offsets) -> list[memoryview | bytes]:
    """Return the records' bytes in as few slices as possible."""
    if not len(starts):
        return []
    view = memoryview(data)
    breaks = np.flatnonzero(starts[1:] != ends[:-1])
    begins = [int(starts[0]), *starts[breaks + 1].tolist()]
    stops = [*ends[breaks].tolist(), int(ends[-1])]
    return [view[begin:stop] for begin, stop in zip(begins, stops, strict=True)]


def _merged(data: bytes, records: Records, rewritten: list[tuple[int, bytes]]) -> list[memoryview | bytes]:
    """Return the bytes of the plain records and of those that the reference parser read, in file order."""
    places = np.searchsorted(records.starts, np.array([at for at, _ in rewritten], np.int64)).tolist()
    pieces: list[memoryview | bytes] = []
    done = 0
    for place, (_, written) in zip(places, rewritten, strict=True):
        pieces += _pieces(data, records.starts[done:place], records.ends[done:place])
        pieces.append(written)
        done = place
    return pieces + _pieces(data, records.starts[done:], records.ends[done:])
