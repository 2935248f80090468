"""Pages of an organization's imports, batches, contacts, groups and locations; and single records by id.

The cost of a page is limited: a page begins within the first ``FARTHEST`` rows, and at most ``COUNTED`` rows are
counted.
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

#: The number of rows that a list can be paged through. The export serves callers that need all records.
FARTHEST: Final = 100_000
#: The total of a list is exact up to this number. Beyond it, the list only says that there are more.
COUNTED: Final = 10_000
#: The maximum number of rows on a page.
LONGEST: Final = 1_000


@dataclass(frozen=True)
class ListQuery:
    """A requested page of a list: ``page`` counts from 1, ``limit`` is the maximum number of rows on it."""

    page: int = 1
    limit: int = 20
    order_by: str = "created_at"
    descending: bool = True
    filters: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Found:
    """A page of a list; ``total`` is the number of all rows, or ``COUNTED`` with ``exact`` False if there are more."""

    rows: list[dict[str, Any]]
    total: int
    exact: bool


@dataclass(frozen=True)
class Listed:
    """A kind of object that can be listed: its table, the columns of a row, and its orders and filters."""

    table: str
    columns: str
    orders: tuple[str, ...]
    #: filter name → SQL condition on the row ``t``, with a parameter of the same name
    filters: Mapping[str, str]
    #: additional columns of a single object that is looked up by its id
    whole: str = ""
    #: an SQL condition that all listed rows fulfil
    condition: str = "true"


_EPOCH: Final = "extract(epoch FROM t.{0})::bigint AS {0}"
_TIMES: Final = ", ".join(_EPOCH.format(name) for name in ("created_at", "updated_at"))
# The SHA-256 hash of all values of a record shows a caller whether the record has changed.
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
# Imports that ``refusable.is_refused`` describes and nobody has decided about (index imports_awaiting_approval).
_AWAITS_APPROVAL: Final = (
    "%(awaiting)s = 'approval' AND t.status = 'failed' AND t.rejected_by IS NULL AND t.plan IS NOT NULL"
    " AND t.code IN ('too_many_deletions', 'unidentified_rows', 'plan_changed')"
    " AND (t.code <> 'plan_changed' OR t.approves IS NOT NULL)"
    " AND NOT EXISTS (SELECT FROM imports a WHERE a.organization_id = t.organization_id AND a.approves = t.id"
    " AND (a.status NOT IN ('failed', 'timed_out', 'expired')"
    "      OR a.code = 'plan_changed' AND a.plan_checksum IS NOT NULL))"
)
_CONTACT: Final = ", ".join(f"t.{name}" for name in RESOURCES["contact"].value_columns())

LISTED: Final[Mapping[str, Listed]] = {
    "import": Listed(
        "imports",
        "t.id",
        ("created_at", "updated_at", "name", "status"),
        {
            **_OF_IMPORTS,
            "has_errors": "t.has_errors_file = %(has_errors)s",
            "awaiting": _AWAITS_APPROVAL,
        },
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
        # A group may have a million members. The object shows the first of them, and `contacts?group_id=` lists all.
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
    """Return a page of a kind of object. Rows of imports and batches hold only the id of the record in ``imports``.

    Raises ``ValueError`` for an unknown order or filter, and for a page beyond ``FARTHEST``.
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
        # Use the order of the index. These columns are never null.
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
    """Return a contact, group or location by its id, or None if the organization does not have it."""
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
