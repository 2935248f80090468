"""Which stored records have been written or removed since an import saw them, whoever did it.

PostgreSQL stores with each version of a row the number of the transaction that wrote it (``xmin``). A record that no
transaction has written since is as it was. A count and the exclusive or of the hashes of the ids show that none is
gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import psycopg
import pyarrow as pa
from psycopg import sql

from imports_pipeline.database.copy import copy_out
from imports_pipeline.database.literals import literal
from imports_pipeline.import_phases.memory.seen import Seen, is_written_since
from imports_pipeline.import_phases.memory.touched_links import linked_now
from imports_pipeline.schemas.catalog import IdentityKey, Resource

Connection = psycopg.Connection[Any]

# After so many transactions, half of what 32 bits can tell apart, their numbers are compared no more.
_OLDEST: Final = 2**30


class Now(NamedTuple):
    """What there is now, compared with what was seen.

    Attributes:
        seen: What there is now.
        written: The number of records that were written since.
        links_written: The number of links that were written since, and of groups and locations, if they were looked at.
    """

    seen: Seen
    written: int
    links_written: int = 0


class Changed(NamedTuple):
    """What a write has created and removed.

    Attributes:
        created: The number of records that it has created.
        removed: The number of records that it has removed.
        ids: A query of the ``id`` of each of them.
    """

    created: int
    removed: int
    ids: sql.Composable


class Touched(NamedTuple):
    """The records that were written since.

    Attributes:
        rows: Their ``id``, and ``k0`` … with the values of identity keys, in lower case where case does not matter.
        all_left: True if no record of then is gone.
    """

    rows: pa.Table
    all_left: bool


def server_of(connection: Connection) -> str:
    """Return the identifier of the database server, which numbers the transactions."""
    row = connection.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
    return str(row[0]) if row else ""


def see(
    connection: Connection,
    organization_id: str,
    resource: Resource,
    then: Seen | None = None,
    *,
    has_links: bool,
) -> Now:
    """Return what there is now; with ``has_links``, links and what they can link to are looked at too.

    The caller's transaction must read the organization's own tables.
    """
    row = connection.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint").fetchone()
    assert row is not None
    relation, records, ids, written = _state(connection, organization_id, resource, then)
    if not has_links:
        return Now(Seen(row[0], relation, records, ids), written)
    linked, links_written = linked_now(connection, organization_id, resource, then)
    return Now(Seen(row[0], relation, records, ids, linked=linked), written, links_written)


def see_own(
    connection: Connection, organization_id: str, resource: Resource, before: Seen, changed: Changed
) -> Seen:
    """Return what the transaction of a write leaves, at its end.

    Of a table that was there before, this is what was seen with the write's own changes. A record that somebody else
    has written or removed in between is noticed the next time.

    Args:
        connection: the connection of the write.
        organization_id: the organization.
        resource: the resource of the records.
        before: what was seen when the file was read.
        changed: the records that the write has created and removed.
    """
    row = connection.execute(
        sql.SQL("SELECT pg_current_xact_id()::text::bigint, {}::regclass::oid::bigint").format(
            literal(resource.table)
        )
    ).fetchone()
    assert row is not None
    own, relation = row
    records, ids, linked = before.records, before.ids, before.linked
    if linked is not None:
        linked = linked_now(connection, organization_id, resource, None)[0]
    if relation != before.relation:
        _, records, ids, _ = _state(connection, organization_id, resource, None)
    elif changed.created or changed.removed:
        records += changed.created - changed.removed
        ids ^= _hash_of(connection, changed.ids)
    return Seen(before.since, relation, records, ids, own, linked)


def _state(
    connection: Connection, organization_id: str, resource: Resource, then: Seen | None
) -> tuple[int, int, int, int]:
    """Return the table, the number of records, the exclusive or of the hashes of their ids, and how many were written.

    PostgreSQL groups the records by transaction in parallel. It does not compare the ages of transactions in parallel.
    """
    written: sql.Composable = sql.SQL("0")
    if then is not None:
        written = sql.SQL("coalesce(sum(records) FILTER (WHERE {}), 0)::bigint").format(
            is_written_since(then)
        )
    row = connection.execute(
        sql.SQL(
            "SELECT {name}::regclass::oid::bigint, coalesce(sum(records), 0)::bigint, coalesce(bit_xor(ids), 0),"
            " {written} FROM (SELECT xmin, count(*) AS records, bit_xor(hashtextextended(id, 0)) AS ids FROM {table}"
            " WHERE organization_id = {organization} GROUP BY xmin) t"
        ).format(
            table=sql.Identifier(resource.table),
            name=literal(resource.table),
            written=written,
            organization=literal(organization_id),
        )
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2], row[3]


def _hash_of(connection: Connection, ids: sql.Composable) -> int:
    row = connection.execute(
        sql.SQL("SELECT coalesce(bit_xor(hashtextextended(id, 0)), 0) FROM ({}) AS changed").format(ids)
    ).fetchone()
    return int(row[0]) if row else 0


def unknown_since(then: Seen, now: Now, most_written: int) -> str | None:
    """Return what makes it unknown which rows are as they were, or None.

    Args:
        then: what an import has seen.
        now: what there is now.
        most_written: the number of written records that are looked at.
    """
    is_recent = now.seen.since - min(then.since, then.own or then.since) <= _OLDEST
    if now.written > most_written or now.seen.relation != then.relation or not is_recent:
        return "too many records, or all of them, were written"
    if now.links_written or now.seen.linked != then.linked:
        return "groups, locations or links to them were written"
    return None


def touched(
    connection: Connection,
    organization_id: str,
    resource: Resource,
    keys: Sequence[IdentityKey],
    then: Seen,
    now: Now,
) -> Touched:
    """Return what was written since ``then``.

    Args:
        connection: a connection whose transaction reads the organization's own tables.
        organization_id: the organization.
        resource: the resource of the records.
        keys: the identity keys whose values are wanted.
        then: what an import has seen.
        now: what ``see`` has found; ``unknown_since`` has found nothing.
    """
    schema = pa.schema(
        [("id", pa.string()), ("hash", pa.int64()), *((f"k{at}", pa.string()) for at in range(len(keys)))]
    )
    rows = schema.empty_table()
    if now.written:
        values = sql.SQL("").join(
            sql.SQL(", {} AS {}").format(_value(key), sql.Identifier(f"k{at}")) for at, key in enumerate(keys)
        )
        query = sql.SQL(
            "SELECT id, hashtextextended(id, 0) AS hash {values} FROM {table} t"
            " WHERE organization_id = %(organization)s AND {written}"
        ).format(values=values, table=sql.Identifier(resource.table), written=is_written_since(then))
        batches = list(copy_out(connection, query, {"organization": organization_id}, schema))
        rows = pa.Table.from_batches(batches, schema)
    hashes = int(np.bitwise_xor.reduce(rows["hash"].to_numpy(), initial=0))
    untouched = (now.seen.records - rows.num_rows, now.seen.ids ^ hashes)
    # Either all that was written is new, or all of it was there, and nothing is gone.
    all_left = (then.records, then.ids) in (untouched, (now.seen.records, now.seen.ids))
    return Touched(rows.drop_columns(["hash"]), all_left)


def all_ids(connection: Connection, organization_id: str, resource: Resource) -> Iterator[pa.Array]:
    """Yield the ids of all records."""
    query = sql.SQL("SELECT id FROM {} WHERE organization_id = %(organization)s").format(
        sql.Identifier(resource.table)
    )
    schema = pa.schema([("id", pa.string())])
    for batch in copy_out(connection, query, {"organization": organization_id}, schema):
        yield batch.column("id")


def _value(key: IdentityKey) -> sql.Composable:
    (name,) = key.fields
    value = sql.Identifier("t", name)
    return sql.SQL("lower({})").format(value) if key.lower else value
