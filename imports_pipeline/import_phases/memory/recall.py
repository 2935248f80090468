"""Recognises, while a file is read, the rows that a memory knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from imports_pipeline.import_phases.freed_memory import RELEASED_AFTER, release_memory
from imports_pipeline.import_phases.memory.fingerprint_index import MOST_ROWS
from imports_pipeline.import_phases.memory.fingerprints import Fingerprints
from imports_pipeline.import_phases.memory.known_rows import KnownRows
from imports_pipeline.import_phases.memory.memory_files import (
    FINGERPRINT,
    Flags,
    fingerprint_column,
)
from imports_pipeline.model.files import FINGERPRINTS, Files
from imports_pipeline.reading import TableReader

#: The schema of the file of fingerprints of the rows that were read.
SCHEMA: Final = pa.schema([("line", pa.int64()), ("fingerprint", FINGERPRINT)])
#: Its metadata with the first and the last lines of rows that are not to be remembered.
DOUBTFUL: Final = b"doubtful"


class Recall:
    """Leaves out the records that a memory knows in one reading of a file, and notes the fingerprints of the others.

    It is a ``RecordFilter``. The first records are always read, because people are shown the first rows of a file.
    """

    def __init__(
        self,
        known: KnownRows,
        fingerprints: Fingerprints,
        noted: pq.ParquetWriter,
        *,
        always_read: int,
        footer_begin: int | None,
        most_rows: int,
        same_file: bool = False,
    ) -> None:
        """Take what rows are recognised by.

        Args:
            known: the rows that the memory knows; those that are recognised become ``seen``.
            fingerprints: makes the fingerprints.
            noted: the file of fingerprints.
            always_read: the number of records that are always read.
            footer_begin: the offset at which the footer of the file begins, if it has one.
            most_rows: the number of rows of a file from which on none is remembered.
            same_file: True if the memory has each row of this very file; then only the first records are read.
        """
        known.begin()
        self._same_file, self._first = same_file, [np.zeros((0, 2), np.uint64)]
        self.enough = False
        self._known, self._fingerprints, self._noted = known, fingerprints, noted
        self._left, self._footer_begin = always_read, footer_begin
        self._room, self._blocks = most_rows, 0
        #: The line of the last record that was read because it is one of the first.
        self.first_until = 0

    @property
    def count(self) -> int:
        """The number of rows that were recognised."""
        return self._known.count

    def kept(
        self,
        data: bytes,
        starts: np.ndarray,
        ends: np.ndarray,
        line: np.ndarray,
        byte_offset: np.ndarray,
    ) -> Flags:
        """Return which records of a block are read."""
        self._blocks += 1
        if self._blocks % RELEASED_AFTER == 0:
            # Few rows are checked meanwhile, and a release comes with them.
            release_memory()
        kept: Flags = np.ones(len(starts), np.bool_)
        rows = len(starts)
        if self._footer_begin is not None:
            rows = int(np.searchsorted(byte_offset, self._footer_begin))
        self._room -= rows
        if self._room < 0 and not self._known.runs:
            # The file leaves no memory, and there is none to look into.
            return kept
        found = self._fingerprints.of(data, starts[:rows], ends[:rows])
        first = min(self._left, rows)
        if first:
            self._left -= first
            self.first_until = int(line[first - 1])
        if self._same_file:
            self._first.append(found[:first])
            self.enough = self._left == 0
            kept[first:] = False
        rows_of = self._known
        runs = () if self._same_file else zip(rows_of.runs, rows_of.excluded, rows_of.seen, strict=True)
        for number, (run, excluded, seen) in enumerate(runs):
            at = run.index.find(found[first:])
            known = np.flatnonzero(at >= 0)
            places = at[known]
            known = known[~(excluded[places] | seen[places]) & kept[first + known]]
            # The first of equal records in a block is recognised.
            places, index = np.unique(at[known], return_index=True)
            rows_of.see(number, places, found[first + known[index]])
            kept[first + known[index]] = False
        self._note(line[:rows][kept[:rows]], found[kept[:rows]])
        return kept

    def see_others(self) -> bool:
        """Take all rows but the first for recognised; return False if the memory does not know one of the first."""
        return self._known.see_all_but(np.concatenate(self._first))

    def _note(self, line: np.ndarray[Any, Any], fingerprints: np.ndarray[Any, Any]) -> None:
        if len(line):
            columns = [pa.array(line, pa.int64()), fingerprint_column(fingerprints)]
            self._noted.write_table(pa.table(columns, schema=SCHEMA))


@contextmanager
def recalling(
    table: TableReader,
    files: Files,
    fingerprints: Fingerprints,
    known: KnownRows,
    *,
    always_read: int = 0,
    most_rows: int = MOST_ROWS,
    same_file: bool = False,
    name: str = FINGERPRINTS,
) -> Iterator[tuple[Recall, Callable[[int, int], None]]]:
    """Leave out the records that a memory knows while a file, or a part of it, is read in the block.

    The block gets a function too, which is to be called with the first and the last line of rows that are not to be
    remembered.

    Args:
        table: the file.
        files: the files of the import.
        fingerprints: makes the fingerprints.
        known: the rows that the memory knows.
        always_read: the number of records at the beginning that are always read.
        most_rows: the number of rows of a file from which on none is remembered.
        same_file: True if the memory has each row of this very file.
        name: the name of the file of fingerprints.
    """
    doubtful: list[tuple[int, int]] = []
    with (
        files.open_write(name) as file,
        pq.ParquetWriter(file, SCHEMA, compression="none", use_dictionary=False) as noted,
    ):
        recall = Recall(
            known,
            fingerprints,
            noted,
            always_read=always_read,
            footer_begin=table.footer_begin,
            most_rows=most_rows,
            same_file=same_file,
        )
        table.leave_out(recall)
        try:
            yield recall, lambda first, last: doubtful.append((first, last))
        finally:
            table.leave_out(None)
        noted.add_key_value_metadata({DOUBTFUL: json.dumps(doubtful)})


def merge_fingerprints(files: Files, names: Sequence[str]) -> None:
    """Merge the files of fingerprints of the parts of a file, in their order, into one."""
    doubtful: list[tuple[int, int]] = []
    with (
        files.open_write(FINGERPRINTS) as file,
        pq.ParquetWriter(file, SCHEMA, compression="none", use_dictionary=False) as noted,
    ):
        for name in names:
            with files.open_read(name) as one:
                parquet = pq.ParquetFile(one, pre_buffer=False)
                doubtful += json.loads((parquet.metadata.metadata or {}).get(DOUBTFUL, b"[]"))
                for group in range(parquet.num_row_groups):
                    noted.write_table(parquet.read_row_group(group))
        noted.add_key_value_metadata({DOUBTFUL: json.dumps(doubtful)})
    for name in names:
        files.delete(name)
