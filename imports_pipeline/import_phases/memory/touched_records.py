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
from imports_pipeline.schemas.catalog import IdentityKey, Resource

Connection = psycopg.Connection[Any]

# After so many transactions, half of what 32 bits can tell apart, their numbers are compared no more.
_OLDEST: Final = 2**30


class Seen(NamedTuple):
    """What was seen of an organization's records of a resource.

    Attributes:
        since: Transactions before this one were over; later ones may have written something that was not seen.
        relation: The OID of the table.
        records: The number of records.
        ids: The exclusive or of the hashes of their ids.
        own: The transaction that wrote what was seen, if it wrote anything.
    """

    since: int
    relation: int
    records: int
    ids: int
    own: int | None = None


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
    connection: Connection, organization_id: str, resource: Resource, then: Seen | None = None
) -> tuple[Seen, int]:
    """Return what there is now, and the number of records that were written since ``then``.

    The caller's transaction must read the organization's own tables.
    """
    row = connection.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint").fetchone()
    assert row is not None
    relation, records, ids, written = _state(connection, organization_id, resource, then)
    return Seen(row[0], relation, records, ids), written


def see_own(
    connection: Connection, organization_id: str, resource: Resource, before: Seen, *, same_ids: bool
) -> Seen:
    """Return what the transaction of a write leaves, at its end.

    Args:
        connection: the connection of the write.
        organization_id: the organization.
        resource: the resource of the records.
        before: what was seen when the file was read.
        same_ids: True if the write has created and removed no record.
    """
    row = connection.execute(
        sql.SQL("SELECT pg_current_xact_id()::text::bigint, {}::regclass::oid::bigint").format(
            literal(resource.table)
        )
    ).fetchone()
    assert row is not None
    if same_ids:
        return before._replace(own=row[0], relation=row[1])
    _, records, ids, _ = _state(connection, organization_id, resource, None)
    return Seen(before.since, row[1], records, ids, row[0])


def _state(
    connection: Connection, organization_id: str, resource: Resource, then: Seen | None
) -> tuple[int, int, int, int]:
    written: sql.Composable = sql.SQL("0")
    if then is not None:
        written = sql.SQL("count(*) FILTER (WHERE {})").format(_is_written_since(then))
    row = connection.execute(
        sql.SQL(
            "SELECT {name}::regclass::oid::bigint, count(*), coalesce(bit_xor(hashtextextended(id, 0)), 0), {written}"
            " FROM {table} t WHERE organization_id = {organization}"
        ).format(
            table=sql.Identifier(resource.table),
            name=literal(resource.table),
            written=written,
            organization=literal(organization_id),
        )
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2], row[3]


def _is_written_since(then: Seen) -> sql.Composed:
    """Return the condition that a later transaction has written ``t``. The subquery is evaluated once."""
    since = literal(str(then.since % 2**32))
    condition = sql.SQL("age(t.xmin) <= (SELECT age({}::xid))").format(since)
    if then.own is None:
        return condition
    return sql.SQL("{} AND t.xmin <> {}::xid").format(condition, literal(str(then.own % 2**32)))


def is_comparable(then: Seen, now: Seen) -> bool:
    """Return True if it can be known what was written between: in the same table, not too many transactions ago."""
    return now.relation == then.relation and now.since - min(then.since, then.own or then.since) <= _OLDEST


def touched(
    connection: Connection,
    organization_id: str,
    resource: Resource,
    keys: Sequence[IdentityKey],
    then: Seen,
    now: Seen,
    written: int,
) -> Touched:
    """Return what was written since ``then``.

    Args:
        connection: a connection whose transaction reads the organization's own tables.
        organization_id: the organization.
        resource: the resource of the records.
        keys: the identity keys whose values are wanted.
        then: what an import has seen.
        now: what ``see`` has found, and is comparable with it.
        written: the number of records that were written since.
    """
    schema = pa.schema(
        [("id", pa.string()), ("hash", pa.int64()), *((f"k{at}", pa.string()) for at in range(len(keys)))]
    )
    rows = schema.empty_table()
    if written:
        values = sql.SQL("").join(
            sql.SQL(", {} AS {}").format(_value(key), sql.Identifier(f"k{at}")) for at, key in enumerate(keys)
        )
        query = sql.SQL(
            "SELECT id, hashtextextended(id, 0) AS hash {values} FROM {table} t"
            " WHERE organization_id = %(organization)s AND {written}"
        ).format(values=values, table=sql.Identifier(resource.table), written=_is_written_since(then))
        batches = list(copy_out(connection, query, {"organization": organization_id}, schema))
        rows = pa.Table.from_batches(batches, schema)
    hashes = int(np.bitwise_xor.reduce(rows["hash"].to_numpy(), initial=0))
    untouched = (now.records - rows.num_rows, now.ids ^ hashes)
    # Either all that was written is new, or all of it was there, and nothing is gone.
    all_left = (then.records, then.ids) in (untouched, (now.records, now.ids))
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
