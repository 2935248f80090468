"""What an import has seen of the stored records, and the condition that something was written since."""

from __future__ import annotations

from typing import NamedTuple

from psycopg import sql

from imports_pipeline.database.literals import literal


class Seen(NamedTuple):
    """What was seen of an organization's records of a resource.

    Attributes:
        since: Transactions before this one were over; later ones may have written something that was not seen.
        relation: The OID of the table.
        records: The number of records.
        ids: The exclusive or of the hashes of their ids.
        own: The transaction that wrote what was seen, if it wrote anything.
        linked: The exclusive or of the hashes of all links, and of what they can link to, if the rows have any.
    """

    since: int
    relation: int
    records: int
    ids: int
    own: int | None = None
    linked: int | None = None


def is_written_since(then: Seen) -> sql.Composed:
    """Return the condition that a later transaction has written ``t``. The subquery is evaluated once."""
    since = literal(str(then.since % 2**32))
    condition = sql.SQL("age(t.xmin) <= (SELECT age({}::xid))").format(since)
    if then.own is None:
        return condition
    return sql.SQL("{} AND t.xmin <> {}::xid").format(condition, literal(str(then.own % 2**32)))
