"""The files of memories: runs of remembered rows, in the order of their file.

A run has ``fingerprint`` (16 bytes), the ``id`` of the row's record, and a hash of each identity key that the row fills
in (``k0`` …, in the order of ``match_on``; 0 where a key is blank). Equal hashes of different values cost time and
change nothing. Rows without a fingerprint come last and are not remembered: they say which records the file named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from imports_pipeline.filestore.stores import StoreUnreachable
from imports_pipeline.import_phases.freed_memory import releasing_memory
from imports_pipeline.import_phases.memory.fingerprint_index import MOST_ROWS, FingerprintIndex
from imports_pipeline.import_phases.memory.fingerprints import BYTES, Halves
from imports_pipeline.import_phases.preparsing import key_values
from imports_pipeline.import_phases.text_hashes import hash_values
from imports_pipeline.model.files import Files
from imports_pipeline.schemas.catalog import IdentityKey

Flags = np.ndarray[Any, np.dtype[np.bool_]]
#: The type of a column of fingerprints.
FINGERPRINT: Final = pa.binary(BYTES)
#: The size of a digest in bytes.
DIGEST_BYTES: Final = 32
_READ_BYTES: Final = 4 * 1024 * 1024
_BATCH_ROWS: Final = 50_000


def run_schema(keys: int) -> pa.Schema:
    """Return the schema of a run of rows with this number of identity keys."""
    hashes = [(f"k{number}", pa.uint64()) for number in range(keys)]
    return pa.schema([("fingerprint", FINGERPRINT), ("id", pa.string()), *hashes])


@contextmanager
def run_writer(files: Files, name: str, keys: int) -> Iterator[pq.ParquetWriter]:
    """Write a run of rows with this number of identity keys, a table at a time."""
    schema = run_schema(keys)
    with (
        files.open_write(name) as file,
        pq.ParquetWriter(
            file,
            schema,
            compression={"fingerprint": "none", "id": "zstd"} | dict.fromkeys(schema.names[2:], "lz4"),
            use_dictionary=False,
            write_statistics=False,
        ) as writer,
    ):
        yield writer


def digest_of(files: Files, name: str) -> bytes:
    """Return the digest of a file, which shows later that it is the same. Raises ``Unreadable``."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    with readable(name), files.open_read(name) as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.digest()


class Unreadable(Exception):
    """A file of a memory is missing, cut or damaged."""


@dataclass(frozen=True)
class Run:
    """A run that is read: an index of the fingerprints is in memory, and the columns are read as they are needed."""

    files: Files
    name: str
    index: FingerprintIndex

    @classmethod
    def read(cls, files: Files, name: str) -> Run:
        """Read the fingerprints of a run. Raises ``Unreadable``."""
        with readable(name), files.open_read(name) as file:
            parquet = pq.ParquetFile(file, pre_buffer=False)
            rows = parquet.metadata.num_rows
            if rows > MOST_ROWS:
                raise Unreadable(name)
            batches = parquet.iter_batches(batch_size=_BATCH_ROWS, columns=["fingerprint"])
            return cls(
                files,
                name,
                FingerprintIndex((halves_of(batch.column(0).drop_null()) for batch in batches), rows),
            )

    def __len__(self) -> int:
        """Return the number of rows that have fingerprints."""
        return len(self.index)

    def columns(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield columns of the rows that have fingerprints, in their order. Raises ``Unreadable``."""
        left = len(self)
        for batch in read_columns(self.files, self.name, names):
            if left:
                yield batch.slice(0, left)
                left -= min(left, batch.num_rows)


def halves_of(fingerprints: pa.Array) -> Halves:
    """Return fingerprints, of which none is null, as an array of shape (rows, 2)."""
    if not len(fingerprints):
        return np.zeros((0, 2), np.uint64)
    data = np.frombuffer(fingerprints.buffers()[1], np.uint64).reshape(-1, 2)
    return data[fingerprints.offset : fingerprints.offset + len(fingerprints)]


def fingerprint_column(halves: Halves) -> pa.Array:
    """Return an array of shape (rows, 2) as a column of fingerprints."""
    data = pa.py_buffer(np.ascontiguousarray(halves))
    return pa.FixedSizeBinaryArray.from_buffers(FINGERPRINT, len(halves), [None, data])


def key_hashes(batch: pa.RecordBatch, keys: Sequence[IdentityKey]) -> list[np.ndarray]:
    """Return a hash of each row's value of each key, 0 where it is blank."""
    hashes = []
    for key in keys:
        values = key_values(batch, key)
        if not values.null_count:
            hashes.append(hash_values(values))
            continue
        found = np.zeros(batch.num_rows, np.uint64)
        found[values.is_valid().to_numpy(zero_copy_only=False)] = hash_values(values.drop_null())
        hashes.append(found)
    return hashes


def read_columns(files: Files, name: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield columns of a run. Raises ``Unreadable``."""
    with readable(name), files.open_read(name) as file:
        parquet = pq.ParquetFile(file, pre_buffer=False)
        yield from releasing_memory(parquet.iter_batches(batch_size=_BATCH_ROWS, columns=list(columns)))


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Raise ``Unreadable`` for errors of the block that show that a file is missing or damaged."""
    try:
        yield
    except StoreUnreachable:
        raise
    except (OSError, pa.ArrowException) as error:
        raise Unreadable(name) from error
