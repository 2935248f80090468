"""What a memory knows of the rows of one import: the file that ``remembering.py`` writes and later phases read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from imports_pipeline.database import write_lock
from imports_pipeline.filestore.stores import StoreUnreachable
from imports_pipeline.import_phases.memory.hash_set import HashSet
from imports_pipeline.import_phases.memory.memory_files import Unreadable, read_columns
from imports_pipeline.import_phases.memory.seen import Seen
from imports_pipeline.import_phases.memory.touched_records import see, touched, unknown_since
from imports_pipeline.import_phases.text_hashes import hash_values
from imports_pipeline.model.files import REMEMBERED, WRITTEN_SINCE, Files
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import Action
from imports_pipeline.schemas.catalog import RESOURCES, IdentityKey

_FACTS: Final = "remembered"
# If more records than this were written while an import waited, its rows are read again.
_MOST_TOUCHED: Final = 200_000


class MemoryMisled(Exception):
    """The outcome with a memory could differ from that without one. The argument says why, for a notice."""


@dataclass(frozen=True)
class RememberedFacts:
    """What holds for the remembered rows of an import.

    Attributes:
        matched: Identity key → the number of rows that it has matched.
        seen: The records when the rows were recognised.
        versions: The data versions then.
    """

    matched: Mapping[str, int]
    seen: Seen
    versions: Mapping[str, int]

    def metadata(self) -> dict[str, str]:
        """Return the facts as metadata of the file."""
        said = {"matched": self.matched, "seen": list(self.seen), "versions": self.versions}
        return {_FACTS: json.dumps(said)}


def facts_of(files: Files) -> RememberedFacts:
    """Return what holds for the remembered rows. Raises ``MemoryMisled`` if their file is gone."""
    try:
        with files.open_read(REMEMBERED) as file:
            noted = pq.read_metadata(file).metadata or {}
            said: dict[str, Any] = json.loads(noted[_FACTS.encode()])
    except StoreUnreachable:
        raise
    except (OSError, pa.ArrowException) as error:
        raise MemoryMisled("its files are gone") from error
    return RememberedFacts(said["matched"], Seen(*said["seen"]), said["versions"])


def check_ids(files: Files, ids: pa.Array | pa.ChunkedArray, why: str) -> None:
    """Raise ``MemoryMisled`` if one of these records is that of a remembered row."""
    if not len(ids):
        return
    wanted = HashSet(hash_values(ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids))
    try:
        for batch in read_columns(files, REMEMBERED, ["id"]):
            if wanted.has(hash_values(batch.column("id"))).any():
                raise MemoryMisled(why)
    except Unreadable as error:
        raise MemoryMisled("its files are gone") from error


def check_untouched(
    import_: Import, files: Files, connection: psycopg.Connection[Any], keys: Sequence[IdentityKey]
) -> dict[str, int]:
    """Return how many remembered rows each identity key has matched, if their records are as they were.

    For an overwrite, this also writes which records were written since.

    Raises:
        MemoryMisled: another import has written or removed one of the records since the rows were recognised, or has
            written a record with a key of one of them.
    """
    facts = facts_of(files)
    organization, resource = import_.organization_id, RESOURCES[import_.resource]
    removes = import_.options.action is Action.OVERWRITE
    if removes or write_lock.read(connection, organization) != facts.versions:
        keys = [key for key in keys if key.name in facts.matched]
        has_links = facts.seen.linked is not None
        now = see(connection, organization, resource, facts.seen, has_links=has_links)
        if why := unknown_since(facts.seen, now, _MOST_TOUCHED):
            raise MemoryMisled(f"{why} since the file was read")
        since = touched(connection, organization, resource, keys, facts.seen, now)
        if not since.all_left:
            raise MemoryMisled("another import has written records since the file was read")
        check_ids(
            files, since.rows["id"], "another import has written a record of the file since it was read"
        )
        hashes = (hash_values(since.rows[f"k{at}"].drop_null().combine_chunks()) for at in range(len(keys)))
        _check_keys(files, [HashSet(one) for one in hashes])
        if removes:
            # The file may not name what was written since it was read.
            with files.open_write(WRITTEN_SINCE) as file:
                pq.write_table(since.rows.select(["id"]), file)
    return dict(facts.matched)


def _check_keys(files: Files, hashes: Sequence[HashSet]) -> None:
    """Raise ``MemoryMisled`` if one of these hashes of identity keys is that of a remembered row."""
    names = [f"k{at}" for at in range(len(hashes))]
    try:
        for batch in read_columns(files, REMEMBERED, names):
            for name, wanted in zip(names, hashes, strict=True):
                if wanted.has(batch.column(name).to_numpy()).any():
                    raise MemoryMisled("another import has written records with the same keys")
    except Unreadable as error:
        raise MemoryMisled("its files are gone") from error
