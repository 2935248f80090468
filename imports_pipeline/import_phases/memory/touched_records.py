"""Which stored records have been written or removed since an import saw them, whoever did it.

PostgreSQL stores with each version of a row the number of the transaction that wrote it (``xmin``). A record that no
transaction has written since is as it was. A count and the exclusive or of the hashes of the ids show that none is
gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import psycopg
import pyarrow as pa
from psycopg import sql

from imports_pipeline.database.copy import copy_out
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


def see(connection: Connection, organization_id: str, resource: Resource) -> Seen:
    """Return what there is now. The caller's transaction must read the organization's own tables."""
    row = connection.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint").fetchone()
    assert row is not None
    return Seen(row[0], *_state(connection, organization_id, resource))


def see_own(connection: Connection, organization_id: str, resource: Resource, before: Seen) -> Seen:
    """Return what the transaction of a write leaves, at its end."""
    row = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
    assert row is not None
    return Seen(before.since, *_state(connection, organization_id, resource), row[0])


def _state(connection: Connection, organization_id: str, resource: Resource) -> tuple[int, int, int]:
    row = connection.execute(
        sql.SQL(
            "SELECT {name}::regclass::oid::bigint, count(*), coalesce(bit_xor(hashtextextended(id, 0)), 0)"
            " FROM {table} WHERE organization_id = %s"
        ).format(table=sql.Identifier(resource.table), name=sql.Literal(resource.table)),
        (organization_id,),
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def touched(
    connection: Connection,
    organization_id: str,
    resource: Resource,
    keys: Sequence[IdentityKey],
    then: Seen,
    now: Seen,
    most: int,
) -> Touched | None:
    """Return what was written since ``then``, or None if that cannot be known or is more than ``most`` records.

    Args:
        connection: a connection whose transaction reads the organization's own tables.
        organization_id: the organization.
        resource: the resource of the records.
        keys: the identity keys whose values are wanted.
        then: what an import has seen.
        now: what there is now.
        most: the largest number of records.
    """
    if now.relation != then.relation or now.since - min(then.since, then.own or then.since) > _OLDEST:
        return None
    values = sql.SQL("").join(
        sql.SQL(", {} AS {}").format(_value(key), _name(at)) for at, key in enumerate(keys)
    )
    own: sql.Composable = sql.SQL("true")
    if then.own is not None:
        own = sql.SQL("t.xmin <> {}::text::xid").format(sql.Literal(str(then.own % 2**32)))
    query = sql.SQL(
        "SELECT id, hashtextextended(id, 0) AS hash {values} FROM {table} t"
        " WHERE organization_id = %(organization)s AND age(t.xmin) <= age({since}::text::xid) AND {own} LIMIT {most}"
    ).format(
        values=values,
        table=sql.Identifier(resource.table),
        since=sql.Literal(str(then.since % 2**32)),
        own=own,
        most=sql.Literal(most + 1),
    )
    schema = pa.schema(
        [("id", pa.string()), ("hash", pa.int64()), *((f"k{at}", pa.string()) for at in range(len(keys)))]
    )
    batches = list(copy_out(connection, query, {"organization": organization_id}, schema))
    rows = pa.Table.from_batches(batches, schema)
    if rows.num_rows > most:
        return None
    hashes = 0
    for one in rows["hash"].to_pylist():
        hashes ^= one
    untouched = (now.records - rows.num_rows, now.ids ^ hashes)
    # Either all that was written is new, or all of it was there, and nothing is gone.
    all_left = (then.records, then.ids) in (untouched, (now.records, now.ids))
    return Touched(rows.drop_columns(["hash"]), all_left)


def all_ids(connection: Connection, organization_id: str, resource: Resource) -> pa.ChunkedArray:
    """Return the ids of all records."""
    query = sql.SQL("SELECT id FROM {} WHERE organization_id = %(organization)s").format(
        sql.Identifier(resource.table)
    )
    schema = pa.schema([("id", pa.string())])
    batches = list(copy_out(connection, query, {"organization": organization_id}, schema))
    return pa.Table.from_batches(batches, schema)["id"]


def _value(key: IdentityKey) -> sql.Composable:
    fields = [sql.Identifier("t", name) for name in key.fields]
    value: sql.Composable = fields[0]
    if len(fields) > 1:
        # Joined as in ``preparsing``; PostgreSQL has no NUL, so such a key is compared by its first field alone.
        raise ValueError(f"{key.name} has several fields")
    return sql.SQL("lower({})").format(value) if key.lower else value


def _name(at: int) -> sql.Identifier:
    return sql.Identifier(f"k{at}")
