"""The readings of one file: with a memory, and without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from imports_pipeline.import_phases.checked_rows import CheckedRows
from imports_pipeline.import_phases.files.accepted_rows import Rows
from imports_pipeline.import_phases.memory.fingerprints import Fingerprints
from imports_pipeline.import_phases.memory.known_rows import KnownRows
from imports_pipeline.import_phases.memory.memory_files import Flags, key_hashes
from imports_pipeline.import_phases.memory.recall import Recall, recalling
from imports_pipeline.import_phases.memory.remembered_rows import MemoryMisled
from imports_pipeline.import_phases.opened_upload import Source
from imports_pipeline.model.files import Files
from imports_pipeline.reading import NotATable, TableReader
from imports_pipeline.schemas.catalog import IdentityKey

#: Checks the rows that are read. It calls its argument with the first and the last line of rows that are doubtful.
Check = Callable[[Callable[[int, int], None]], CheckedRows]
_DOUBTFUL_HEADER: Final = "a row could be the header of another table"


@dataclass(frozen=True)
class RowReading:
    """Reads the rows of one file, and notes their fingerprints.

    Attributes:
        source: The opened upload.
        files: The files of the import.
        keys: The identity keys of its rows.
        fingerprints: Makes the fingerprints.
        most_rows: The number of rows of a file from which on none is remembered.
        check: Checks the rows that are read.
    """

    source: Source
    files: Files
    keys: Sequence[IdentityKey]
    fingerprints: Fingerprints
    most_rows: int
    check: Check

    def without_memory(self) -> CheckedRows:
        """Read and check every row."""
        return self._read(KnownRows((), 0), 0)[0]

    def first_rows(self, known: KnownRows, *, always_read: int) -> CheckedRows | None:
        """Read and check the first rows of the same file; ``known`` then has all others.

        Returns:
            The result for all rows, or None if the memory does not know each of them.
        """
        done, recall = self._read(known, always_read, same_file=True)
        if not recall.see_others() or done.rejected:
            return None
        return replace(done, total=done.total + recall.count)

    def with_memory(self, known: KnownRows, *, always_read: int, shown: int) -> CheckedRows:
        """Read and check the rows that the memory does not know; ``known`` then has those that it knows.

        A known row that shares a key with a new one is read too, so that both are found to be duplicates.

        Raises:
            MemoryMisled: the outcome could differ from that without the memory.
        """
        done, recall = self._read(known, always_read)
        if self._shares_keys(known, recall, shown):
            done, recall = self._read(known, always_read)
            if self._shares_keys(known, recall, shown):
                raise MemoryMisled("rows share identity keys")
        return replace(done, total=done.total + recall.count)

    def _read(
        self, known: KnownRows, always_read: int, *, same_file: bool = False
    ) -> tuple[CheckedRows, Recall]:
        table = self.source.table
        assert isinstance(table, TableReader), "rows are read from text"
        with recalling(
            table,
            self.files,
            self.fingerprints,
            known,
            always_read=always_read,
            most_rows=self.most_rows,
            same_file=same_file,
        ) as (recall, doubted):
            try:
                done = self.check(doubted)
            except NotATable as error:
                if known.runs and table.doubtful:
                    raise MemoryMisled(_DOUBTFUL_HEADER) from error
                raise
        if known.runs and table.doubtful:
            raise MemoryMisled(_DOUBTFUL_HEADER)
        return done, recall

    def _shares_keys(self, known: KnownRows, recall: Recall, shown: int) -> bool:
        """Exclude the known rows that share a key with a row that was read; return True if there are any.

        Raises:
            MemoryMisled: too few of the first rows were accepted, or a row fills in no key.
        """
        if not recall.count:
            return False
        hashes: list[list[np.ndarray]] = [[] for _ in self.keys]
        first = without_keys = 0
        names = list(dict.fromkeys(name for key in self.keys for name in key.fields))
        with Rows(self.files) as rows:
            for batch in rows.values(names):
                first += int((batch.column("line").to_numpy() <= recall.first_until).sum())
                filled: Flags = np.zeros(batch.num_rows, np.bool_)
                for some, found in zip(hashes, key_hashes(batch, self.keys), strict=True):
                    some.append(found[found != 0])
                    filled |= found != 0
                without_keys += int((~filled).sum())
        if without_keys:
            raise MemoryMisled("rows fill in no identity key")
        if first < shown:
            raise MemoryMisled("most of the first rows were rejected")
        return known.exclude_hashes(
            [np.unique(np.concatenate(some)) if some else np.zeros(0, np.uint64) for some in hashes]
        )
