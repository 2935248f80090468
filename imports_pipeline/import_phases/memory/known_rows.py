"""The rows that a memory knows, which of them must be read, and which of them are in the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from imports_pipeline.import_phases.memory.fingerprints import Halves
from imports_pipeline.import_phases.memory.hash_set import HashSet
from imports_pipeline.import_phases.memory.memory_files import (
    DIGEST_BYTES,
    Flags,
    Run,
    Unreadable,
    digest_of,
    halves_of,
    read_columns,
    run_writer,
)
from imports_pipeline.import_phases.memory.remembered_rows import MemoryMisled, RememberedFacts
from imports_pipeline.import_phases.memory.seen import Seen
from imports_pipeline.import_phases.text_hashes import hash_values
from imports_pipeline.model.files import LEFT_OUT_RECORDS, NEW_ROWS, REMEMBERED, WRITTEN_SINCE, Files


@dataclass
class KnownRows:
    """The rows of the runs of a memory.

    Attributes:
        runs: The runs.
        keys: The number of identity keys.
        excluded: Which rows of each run must be read.
        seen: Which rows of each run are in the file and need not be read.
        second_halves: The sum of the second halves of the fingerprints of these rows, as they are in the file, modulo
            2⁶⁴; None if the file is known to be the same.
    """

    runs: Sequence[Run]
    keys: int
    excluded: list[Flags] = field(default_factory=list)
    seen: list[Flags] = field(default_factory=list)
    second_halves: int | None = 0

    @classmethod
    def read(cls, files: Files, digests: bytes, keys: int) -> KnownRows:
        """Read the memory that an import has left, for a number of identity keys.

        Args:
            files: the files of the import.
            digests: the digests of one run or two.
            keys: the number of identity keys.

        Raises:
            Unreadable: a file is missing, damaged, or another one.
            MemoryMisled: two rows have the same fingerprint.
        """
        found = []
        for at, name in enumerate((NEW_ROWS, REMEMBERED)[: len(digests) // DIGEST_BYTES]):
            if digest_of(files, name) != digests[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES]:
                raise Unreadable(name)
            run = Run.read(files, name)
            if run.index.has_doubles():
                raise MemoryMisled("two rows of the last file have the same fingerprint")
            found.append(run)
        return cls(found, keys, [np.zeros(len(run), np.bool_) for run in found])

    def begin(self) -> None:
        """Begin to read the file: none of the rows is found yet."""
        self.seen = [np.zeros(len(run), np.bool_) for run in self.runs]
        self.second_halves = 0

    def see(self, number: int, places: np.ndarray, fingerprints: Halves) -> None:
        """Note that the rows at these places of a run are in the file, where they have these fingerprints."""
        self.seen[number][places] = True
        self.second_halves = (self.second_halves or 0) + _sum_of(fingerprints)

    def see_all_but(self, fingerprints: Halves) -> bool:
        """Note that the file is the same, and that these rows of it are read; return False if one is not known."""
        self.second_halves = None
        found = 0
        for run, seen in zip(self.runs, self.seen, strict=True):
            at = run.index.find(fingerprints)
            seen[:] = True
            seen[at[at >= 0]] = False
            found += int((at >= 0).sum())
        return found == len(fingerprints)

    @property
    def count(self) -> int:
        """The number of rows that are in the file and need not be read."""
        return sum(int(seen.sum()) for seen in self.seen)

    def exclude_ids(self, ids: pa.ChunkedArray) -> None:
        """Exclude the rows of records with these ids."""
        wanted = HashSet(hash_values(ids.combine_chunks()))
        self._exclude(["id"], lambda batch: wanted.has(hash_values(batch.column("id"))))

    def exclude_missing(self, ids: Iterator[pa.Array]) -> None:
        """Exclude the rows of records whose ids are not among these, which may be as many as the rows."""
        stored = HashSet(np.concatenate([np.zeros(0, np.uint64), *map(hash_values, ids)]))
        self._exclude(["id"], lambda batch: ~stored.has(hash_values(batch.column("id"))))

    def exclude_keys(self, values: Sequence[pa.ChunkedArray]) -> None:
        """Exclude the rows that have one of these values of each identity key."""
        self.exclude_hashes([hash_values(one.drop_null().combine_chunks()) for one in values])

    def exclude_hashes(self, hashes: Sequence[np.ndarray]) -> bool:
        """Exclude the rows that have one of these hashes of each identity key; return True if any was in the file."""
        names = [f"k{at}" for at in range(self.keys)]
        wanted = [HashSet(one) for one in hashes]

        def shared(batch: pa.RecordBatch) -> Flags:
            found: Flags = np.zeros(batch.num_rows, np.bool_)
            for name, some in zip(names, wanted, strict=True):
                found |= some.has(batch.column(name).to_numpy())
            return found

        return self._exclude(names, shared)

    def _exclude(self, names: Sequence[str], condition: Callable[[pa.RecordBatch], Flags]) -> bool:
        any_seen = False
        for number, (run, excluded) in enumerate(zip(self.runs, self.excluded, strict=True)):
            begin = 0
            for batch in run.columns(names):
                found = condition(batch)
                excluded[begin : begin + len(found)] |= found
                if self.seen:
                    any_seen |= bool((found & self.seen[number][begin : begin + len(found)]).any())
                begin += len(found)
        return any_seen

    def write_remembered(
        self, files: Files, keys: Sequence[str], now: Seen, versions: Mapping[str, int]
    ) -> int:
        """Write the rows that are in the file as a run; return their number.

        Args:
            files: the files of the import.
            keys: the names of the identity keys.
            now: the records when they were compared with the memory.
            versions: the data versions then.

        Raises:
            MemoryMisled: a row of the file has another fingerprint than the row that it was taken for. They were
                looked up by a part of it.
        """
        count, matched, second_halves = 0, Counter(dict.fromkeys(keys, 0)), 0
        with run_writer(files, REMEMBERED, self.keys) as writer:
            for run, seen in zip(self.runs, self.seen, strict=True):
                begin = 0
                for batch in run.columns(writer.schema.names):
                    chosen = batch.filter(pa.array(seen[begin : begin + batch.num_rows]))
                    begin += batch.num_rows
                    count += chosen.num_rows
                    second_halves += _sum_of(halves_of(chosen.column("fingerprint")))
                    left: Flags = np.ones(chosen.num_rows, np.bool_)
                    for at, name in enumerate(keys):
                        filled = left & (chosen.column(f"k{at}").to_numpy() != 0)
                        matched[name] += int(filled.sum())
                        left &= ~filled
                    # A table becomes a row group. Of batches, a million rows would be kept in memory first.
                    writer.write_table(pa.Table.from_batches([chosen]))
            writer.add_key_value_metadata(RememberedFacts(dict(matched), now, versions).metadata())
        if self.second_halves is not None and (self.second_halves - second_halves) % 2**64:
            raise MemoryMisled("two different rows have nearly the same fingerprint")
        return count

    def write_left_out(self, files: Files, touched: pa.ChunkedArray) -> None:
        """Write the records that the file may not name: those of all other rows, and those written since."""
        schema = pa.schema([("id", pa.string())])
        with files.open_write(LEFT_OUT_RECORDS) as file, pq.ParquetWriter(file, schema) as ids:
            for run, seen in zip(self.runs, self.seen, strict=True):
                begin = 0
                for batch in read_columns(run.files, run.name, ["id"]):
                    chosen: Flags = np.ones(batch.num_rows, np.bool_)
                    known = seen[begin : begin + batch.num_rows]
                    chosen[: len(known)] = ~known
                    begin += batch.num_rows
                    ids.write_table(pa.Table.from_batches([batch.filter(pa.array(chosen))]))
            ids.write_table(pa.table([touched], schema=schema))


def left_out_records(files: Files) -> Iterator[pa.RecordBatch]:
    """Yield the records (``id``) that the file may not name, some of them twice."""
    for name in (LEFT_OUT_RECORDS, WRITTEN_SINCE):
        with files.open_read(name) as file:
            yield from pq.ParquetFile(file, pre_buffer=False).iter_batches(batch_size=50_000)


def _sum_of(fingerprints: Halves) -> int:
    """Return the sum of the second halves modulo 2⁶⁴, which different rows do not have in common but by chance."""
    return int(fingerprints[:, 1].sum(dtype=np.uint64))
