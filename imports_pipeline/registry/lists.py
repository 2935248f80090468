"""Pages of what an organization has: imports, batches, contacts, groups, locations; and one record by its id.

What a page costs is bounded: it begins within the first ``FARTHEST`` rows, and at most ``COUNTED`` are counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from imports_pipeline.database.literals import literal
from imports_pipeline.schemas.catalog import RESOURCES

Connection = psycopg.Connection[Any]

#: How far a list can be paged through. Whoever wants all of a million records exports them.
FARTHEST: Final = 100_000
#: Up to here it is said how many there are; beyond, that there are more.
COUNTED: Final = 10_000
LONGEST: Final = 1_000


@dataclass(frozen=True)
class ListQuery:
    """What page of a list is query for: ``page`` from 1, at most ``limit`` rows, in this order, of those that match."""

    page: int = 1
    limit: int = 20
    order_by: str = "created_at"
    descending: bool = True
    filters: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Found:
    """A page, and how many rows there are: exactly, or ``COUNTED`` and more."""

    rows: list[dict[str, Any]]
    total: int
    exact: bool


@dataclass(frozen=True)
class Listed:
    """What can be listed: its table, what it can be ordered and filtered by, and the columns of a row."""

    table: str
    columns: str
    orders: tuple[str, ...]
    #: filter → condition on the row ``t`` and the parameter of the filter's name
    filters: Mapping[str, str]
    #: the columns of one that is looked up by its id
    whole: str = ""
    #: what all of its rows are
    condition: str = "true"


_EPOCH: Final = "extract(epoch FROM t.{0})::bigint AS {0}"
_TIMES: Final = ", ".join(_EPOCH.format(name) for name in ("created_at", "updated_at"))
# SHA-256 over all values of a record, so that a caller sees whether it changed.
_CHECKSUM: Final = (
    "encode(sha256(convert_to((to_jsonb(t) - ARRAY['organization_id','created_at','updated_at','created_by',"
    "'updated_by'])::text, 'UTF8')), 'hex') AS checksum"
)


def _named(table: str, link: str, own: str, other: str) -> str:
    return (
        f"(SELECT coalesce(jsonb_agg(jsonb_build_object('id', o.id, 'name', o.name) ORDER BY o.id), '[]')"
        f" FROM {link} m JOIN {table} o ON o.organization_id = m.organization_id AND o.id = m.{other}"
        f" WHERE m.organization_id = t.organization_id AND m.{own} = t.id)"
    )


_OF_IMPORTS: Final = {
    "resource": "t.resource = %(resource)s",
    "action": "t.action = %(action)s",
    "mode": "t.mode = %(mode)s",
    "status": "t.status = %(status)s",
    "location_id": "t.location_id = %(location_id)s",
}
_CONTACT: Final = ", ".join(f"t.{name}" for name in RESOURCES["contact"].value_columns())

LISTED: Final[Mapping[str, Listed]] = {
    "import": Listed(
        "imports",
        "t.id",
        ("created_at", "updated_at", "name", "status"),
        {**_OF_IMPORTS, "has_errors": "t.has_errors_file = %(has_errors)s"},
        condition="t.via = 'file'",
    ),
    "batch": Listed(
        "batches",
        "t.import_id AS id",
        ("created_at", "updated_at", "status"),
        {
            **_OF_IMPORTS,
            "has_errors": "(coalesce((t.stats ->> 'rejected')::bigint, 0) > 0) = %(has_errors)s",
            "via": "t.via = %(via)s",
        },
    ),
    "contact": Listed(
        "contacts",
        f"t.id, t.organization_id, {_CONTACT}, {_named('groups', 'memberships', 'member_id', 'group_id')} AS groups,"
        f" {_named('locations', 'contact_locations', 'contact_id', 'location_id')} AS locations, t.metadata,"
        f" {_CHECKSUM}, {_TIMES}, t.updated_by",
        ("id", "created_at", "updated_at", "name", "email"),
        {
            "email": "lower(t.email) = lower(%(email)s)",
            "phone": "t.phone = %(phone)s",
            "name": "t.name = %(name)s",
            "external_id": "t.external_id = %(external_id)s",
            "location_id": "EXISTS (SELECT FROM contact_locations m WHERE m.organization_id = t.organization_id"
            " AND m.contact_id = t.id AND m.location_id = %(location_id)s)",
            "group_id": "EXISTS (SELECT FROM memberships m WHERE m.organization_id = t.organization_id"
            " AND m.member_id = t.id AND m.group_id = %(group_id)s)",
        },
    ),
    "group": Listed(
        "groups",
        "t.id, t.organization_id, t.name, t.resource, t.external_id, t.location_id AS location, t.metadata,"
        " (SELECT count(*) FROM memberships m WHERE m.organization_id = t.organization_id AND m.group_id = t.id)"
        f" AS children_count, {_CHECKSUM}, {_TIMES}, t.updated_by",
        ("id", "created_at", "updated_at", "name"),
        {
            "name": "t.name = %(name)s",
            "resource": "t.resource = %(resource)s",
            "external_id": "t.external_id = %(external_id)s",
            "location_id": "t.location_id = %(location_id)s",
        },
        # A group may have a million members: the first of them are shown, and `contacts?group_id=` lists all.
        whole=", (SELECT coalesce(jsonb_agg(c.member_id ORDER BY c.member_id), '[]') FROM (SELECT m.member_id"
        " FROM memberships m WHERE m.organization_id = t.organization_id AND m.group_id = t.id"
        f" ORDER BY m.member_id LIMIT {LONGEST}) c) AS children",
    ),
    "location": Listed(
        "locations",
        f"t.id, t.organization_id, t.name, {_TIMES}",
        ("id", "created_at", "updated_at", "name"),
        {"name": "t.name = %(name)s"},
    ),
}


def find(connection: Connection, kind: str, organization_id: str, query: ListQuery) -> Found:
    """Return a page of a kind of things; of imports and batches only the ids of their records in ``imports``.

    Raises ``ValueError`` for an order or a filter that there is not, and for a page that is too far.
    """
    listed = LISTED[kind]
    filters = {name: value for name, value in (query.filters or {}).items() if value is not None}
    if query.order_by not in listed.orders:
        raise ValueError(f"order_by takes {', '.join(listed.orders)}, not {query.order_by!r}")
    if unknown := sorted(set(filters) - set(listed.filters)):
        raise ValueError(f"there is no filter {unknown[0]!r}")
    offset = (query.page - 1) * query.limit
    if query.page < 1 or not 1 <= query.limit <= LONGEST or offset >= FARTHEST:
        raise ValueError(f"a list can be paged through up to row {FARTHEST:,}; narrow it by filters")
    conditions = ["t.organization_id = %(organization)s", listed.condition]
    conditions += [listed.filters[name] for name in filters]
    where = sql.SQL(" AND ").join(map(sql.SQL, conditions))
    order = sql.SQL("t.{order} {direction} NULLS LAST, t.id {direction}").format(
        order=sql.Identifier(query.order_by), direction=sql.SQL("DESC" if query.descending else "ASC")
    )
    if query.descending and query.order_by in ("id", "created_at", "updated_at"):
        # As the index is ordered; none of them is ever null.
        order = sql.SQL("t.{} DESC, t.id DESC").format(sql.Identifier(query.order_by))
    values = {**filters, "organization": organization_id, "limit": query.limit, "offset": offset}
    rows = (
        connection.cursor(row_factory=dict_row)
        .execute(
            sql.SQL("SELECT {} FROM {} t WHERE {} ORDER BY {} LIMIT %(limit)s OFFSET %(offset)s").format(
                sql.SQL(listed.columns),
                sql.Identifier(listed.table),
                where,
                order,
            ),
            values,
        )
        .fetchall()
    )
    total = connection.execute(
        sql.SQL("SELECT count(*) FROM (SELECT FROM {} t WHERE {} LIMIT {}) AS counted").format(
            sql.Identifier(listed.table), where, literal(COUNTED + 1)
        ),
        values,
    ).fetchone()
    count = int(total[0]) if total else 0
    shown = [{"object": kind, **row} for row in rows] if kind in ("contact", "group", "location") else rows
    return Found(shown, min(count, COUNTED), count <= COUNTED)


def one(connection: Connection, kind: str, organization_id: str, record_id: str) -> dict[str, Any] | None:
    """Return a contact, group or location by its id, if the organization has it."""
    listed = LISTED[kind]
    row = (
        connection.cursor(row_factory=dict_row)
        .execute(
            sql.SQL("SELECT {} FROM {} t WHERE t.organization_id = %s AND t.id = %s").format(
                sql.SQL(listed.columns + listed.whole),
                sql.Identifier(listed.table),
            ),
            (organization_id, record_id),
        )
        .fetchone()
    )
    return None if row is None else {"object": kind, **row}
