"""What is stored, in plain Python, and what a write and a revert make of it; ``rules`` says what is to be written.

The model shares no code with what it judges, only words. A record is a dictionary; links are a set of pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Value = str | bool | None
Line = int
#: A field of the metadata, with what psycopg reads as placeholders and PostgreSQL's ``format`` as its own.
TEAM = "metadata.50% %(team)s"
#: What is added to and removed from each list of a record's links.
Links = dict[str, tuple[set[str], set[str]]]
#: What made or last wrote a record: the import and when.
Version = tuple[str, Any]


@dataclass(frozen=True)
class Kind:
    """What the rules need to know of a resource."""

    name: str
    fields: tuple[str, ...]
    required: tuple[str, ...]
    keys: dict[str, tuple[str, ...]]
    default: tuple[str, ...]
    unique: tuple[tuple[str, ...], ...]
    links: str


CONTACT = Kind(
    "contact",
    ("name", "email", "phone", "external_id", "notes", "is_primary", TEAM),
    ("name",),
    {
        "id": ("id",),
        "external_id": ("external_id",),
        "email": ("email",),
        "name": ("name",),
        "phone": ("phone",),
    },
    ("id", "external_id", "email"),
    (("external_id",),),
    "groups",
)
GROUP = Kind(
    "group",
    # The last is no column here: it comes of the import that makes the group.
    ("name", "resource", "external_id", TEAM, "location_id"),
    ("name", "resource"),
    {"id": ("id",), "external_id": ("external_id",), "name": ("name", "resource")},
    ("id", "external_id", "name"),
    (("external_id",), ("name", "resource")),
    "children",
)
KINDS = {"contact": CONTACT, "group": GROUP}


@dataclass
class Record:
    """A stored record with who wrote it last and who made it."""

    values: dict[str, Value]
    version: Version
    made: Version


@dataclass
class Store:
    """All that is stored of one organization; a membership is (contact, group), a place (contact, location)."""

    records: dict[str, dict[str, Record]] = field(default_factory=lambda: {"contact": {}, "group": {}})
    members: set[tuple[str, str]] = field(default_factory=set)
    places: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True)
class Upload:
    """What is imported. A row is a list of cells; one whose count of cells is not the header's is malformed."""

    resource: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    options: dict[str, Any]
    footers: tuple[tuple[str, ...], ...] = ()

    def lines(self) -> Iterator[tuple[Line, tuple[str, ...]]]:
        """Return the rows with their lines; the header's is 1. The footer and repeated headers are no rows."""
        end = len(self.rows)
        while end and (self.rows[end - 1] in self.footers or not any(map(str.strip, self.rows[end - 1]))):
            end -= 1
        return ((line, row) for line, row in enumerate(self.rows[:end], 2) if row != self.header)


@dataclass
class Item:
    """A row that is left: which record it stands for (``None``: a new one) and what it says of it."""

    line: Line
    id: str | None
    given: dict[str, Value]
    #: (operation, the ids its references name), for the resource's list
    links: list[tuple[str, set[str]]] = field(default_factory=list)
    problems: set[str] = field(default_factory=set)


@dataclass
class Outcome:
    """What an import comes to, before it is written. ``code`` is why it fails, ``guard`` why it would."""

    errors: set[tuple[Line, str]] = field(default_factory=set)
    total: int = 0
    code: str | None = None
    guard: str | None = None
    plan: dict[str, int] = field(default_factory=dict)
    #: (line, operation, id, changed fields with old and new)
    lines: list[tuple[Line, str, str | None, dict[str, Any] | None]] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)
    items: list[Item] = field(default_factory=list)

    @property
    def rejected(self) -> int:
        """How many rows are rejected."""
        return len({line for line, _ in self.errors})


def same(name: str, one: Value, other: Value) -> bool:
    """Compare two identity values."""
    if one is None or other is None:
        return False
    return str(one).lower() == str(other).lower() if name in ("id", "email") else one == other


@dataclass
class Written:
    """What an import wrote: its version, what records were before, and the links that it changed."""

    resource: str
    version: Version
    before: dict[str, tuple[str, Record]] = field(default_factory=dict)
    #: (the store's set, own id, other id, added)
    links: list[tuple[str, str, str, bool]] = field(default_factory=list)


def write(
    store: Store,
    upload: Upload,
    outcome: Outcome,
    changes: dict[Line, Links],
    ids: dict[Line, str],
    version: Version,
) -> Written:
    """Do what the outcome says; ``changes`` are the links by line, ``ids`` those of the new records."""
    records, written = store.records[upload.resource], Written(upload.resource, version)
    kind = KINDS[upload.resource]
    given = {item.line: item.given for item in outcome.items}
    for line, operation, id_, _ in outcome.lines:
        if operation == "created":
            values = {name: given[line].get(name) for name in kind.fields}
            if values.get("resource") == "contact":
                values["location_id"] = upload.options.get("location_id")
            id_ = ids[line]
            records[id_] = Record(values, version, version)
        elif operation == "updated" and id_ is not None:
            written.before[id_] = ("updated", records[id_])
            clear = upload.options.get("blank_cells") == "clear"
            new = {name: value for name, value in given[line].items() if value is not None or clear}
            records[id_] = Record({**records[id_].values, **new}, version, records[id_].made)
        elif operation == "deleted" and id_ is not None:
            _remove(store, written, id_, "deleted")
        if operation in ("created", "updated") and id_ is not None:
            for relation, (added, removed) in changes[line].items():
                for other in added | removed:
                    _link(store, relation, id_, other, other in added)
                    written.links.append((relation, id_, other, other in added))
    for id_ in outcome.removed:
        _remove(store, written, id_, "removed")
    return written


def _pair(relation: str, own: str, other: str) -> tuple[str, str]:
    return (other, own) if relation == "children" else (own, other)


def _link(store: Store, relation: str, own: str, other: str, added: bool) -> None:
    links = store.places if relation == "locations" else store.members
    (links.add if added else links.discard)(_pair(relation, own, other))


def _remove(store: Store, written: Written | None, id_: str, operation: str) -> None:
    resource = "contact" if id_ in store.records["contact"] else "group"
    record = store.records[resource].pop(id_)
    mine = 0 if resource == "contact" else 1
    gone = [(KINDS[resource].links, id_, pair[1 - mine]) for pair in store.members if pair[mine] == id_]
    gone += [("locations", id_, pair[1]) for pair in store.places if pair[0] == id_]
    for relation, own, other in gone:
        _link(store, relation, own, other, False)
    if written is not None:
        written.before[id_] = (operation, record)
        written.links += [(relation, own, other, False) for relation, own, other in gone]


def plan_revert(store: Store, written: Written) -> dict[str, str]:
    """Return what taking an import back does to each record it touched."""
    records = store.records[written.resource]
    plan = {}
    for id_, record in records.items():
        if record.made == written.version:
            plan[id_] = "deleted" if record.version == written.version else "conflict"
    for id_, (operation, before) in written.before.items():
        now = records.get(id_)
        if now is None:
            plan[id_] = "conflict" if operation == "updated" else "created"
        elif operation == "updated" and now.version == written.version:
            plan[id_] = "updated"
        else:
            plan[id_] = "unchanged" if now.version == before.version else "conflict"
    for key in KINDS[written.resource].unique:
        for id_, (_, before) in written.before.items():
            wanted = [before.values[name] for name in key]
            taken = (
                other != id_ and [one.values[name] for name in key] == wanted and plan.get(other) != "deleted"
                for other, one in records.items()
            )  # fmt: skip
            if plan[id_] in ("created", "updated") and None not in wanted and any(taken):
                plan[id_] = "conflict"
    return plan


def revert(store: Store, written: Written, plan: dict[str, str]) -> None:
    """Take an import back as planned."""
    for id_, operation in plan.items():
        if operation == "deleted":
            _remove(store, None, id_, operation)
        elif operation in ("updated", "created"):
            store.records[written.resource][id_] = written.before[id_][1]
    for relation, own, other, added in written.links:
        if plan.get(own) == "updated" and added:
            _link(store, relation, own, other, False)
    for relation, own, other, added in written.links:
        exists = (
            relation == "locations" or other in store.records["group" if relation == "groups" else "contact"]
        )
        if plan.get(own) in ("updated", "created") and not added and exists:
            _link(store, relation, own, other, True)
