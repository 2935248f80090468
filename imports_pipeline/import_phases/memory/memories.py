"""The records of memories in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

from imports_pipeline.import_phases.memory.seen import Seen

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Memory:
    """The memory of a completed import.

    ``whole`` is True if it knows each record of the file as a row. ``digests`` has the digest of each of its files.
    """

    import_id: str
    key: bytes
    since: int
    own: int | None
    relation: int
    records: int
    ids: int
    linked: int | None
    whole: bool
    digests: bytes

    @property
    def seen(self) -> Seen:
        """What the records were when the import was written."""
        return Seen(self.since, self.relation, self.records, self.ids, self.own, self.linked)


def find(connection: Connection, organization_id: str, kind: bytes) -> Memory | None:
    """Return the newest memory of an organization's files of this kind, or None."""
    return (
        connection.cursor(row_factory=class_row(Memory))
        .execute(
            "SELECT import_id, key, since, own, relation, records, ids, linked, whole, digests FROM memories"
            " WHERE organization_id = %s AND kind = %s AND completed AND NOT EXISTS (SELECT FROM imports i"
            " WHERE i.id = import_id AND i.files_removed_at IS NOT NULL) ORDER BY import_id DESC LIMIT 1",
            (organization_id, kind),
        )
        .fetchone()
    )


def begin(
    connection: Connection, import_id: str, organization_id: str, kind: bytes, key: bytes, seen: Seen
) -> None:
    """Record that an import will leave a memory if it completes."""
    connection.execute(
        """
        INSERT INTO memories (import_id, organization_id, kind, key, since, relation, records, ids, linked)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (import_id) DO UPDATE SET kind = excluded.kind, key = excluded.key, since = excluded.since,
            relation = excluded.relation, records = excluded.records, ids = excluded.ids, linked = excluded.linked,
            own = NULL, completed = false, whole = false
        """,
        (
            import_id,
            organization_id,
            kind,
            key,
            seen.since,
            seen.relation,
            seen.records,
            seen.ids,
            seen.linked,
        ),
    )


def begun(connection: Connection, import_id: str) -> Memory | None:
    """Return what an import will leave, or None."""
    return (
        connection.cursor(row_factory=class_row(Memory))
        .execute(
            "SELECT import_id, key, since, own, relation, records, ids, linked, whole, digests FROM memories"
            " WHERE import_id = %s AND NOT completed",
            (import_id,),
        )
        .fetchone()
    )


def wrote(connection: Connection, import_id: str, seen: Seen) -> None:
    """Record, in the transaction of the write, its number and the records that it leaves."""
    connection.execute(
        "UPDATE memories SET own = %s, relation = %s, records = %s, ids = %s, linked = %s WHERE import_id = %s",
        (seen.own, seen.relation, seen.records, seen.ids, seen.linked, import_id),
    )


def is_same_file(connection: Connection, import_id: str, other_id: str) -> bool:
    """Return True if two imports have the same file, by its checksum."""
    row = connection.execute(
        "SELECT i.checksum = o.checksum FROM imports i, imports o WHERE i.id = %s AND o.id = %s",
        (import_id, other_id),
    ).fetchone()
    return row == (True,)


def complete(connection: Connection, import_id: str, *, whole: bool, digests: bytes) -> list[str]:
    """Record that the files of a memory are written; return the imports whose memories it replaces.

    ``whole`` is True if it knows each record of the file as a row. ``digests`` has the digest of each of its files.
    """
    with connection.transaction():
        replaced = connection.execute(
            "DELETE FROM memories m USING memories n WHERE n.import_id = %s AND m.import_id <> n.import_id"
            " AND m.organization_id = n.organization_id AND m.kind = n.kind AND m.completed RETURNING m.import_id",
            (import_id,),
        ).fetchall()
        connection.execute(
            "UPDATE memories SET completed = true, whole = %s, digests = %s WHERE import_id = %s",
            (whole, digests, import_id),
        )
    return [one for (one,) in replaced]


def drop(connection: Connection, import_id: str) -> None:
    """Remove the record of a memory that is not completed."""
    connection.execute("DELETE FROM memories WHERE import_id = %s AND NOT completed", (import_id,))


def prune(connection: Connection, final: list[str]) -> int:
    """Remove memories whose files were removed, and those that a killed process has not completed; return their number.

    Args:
        connection: a connection.
        final: the statuses of ended imports.
    """
    return connection.execute(
        "DELETE FROM memories m USING imports i WHERE i.id = m.import_id AND (i.files_removed_at IS NOT NULL"
        " OR NOT m.completed AND i.status = ANY(%s) AND i.updated_at < now() - interval '1 day')",
        (final,),
    ).rowcount
