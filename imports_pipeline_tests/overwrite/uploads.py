"""Random uploads for the model test: of few people and few groups, so that rows clash, and mostly sound."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from imports_pipeline_tests.overwrite.cells import FOOTERS, damaged, decorated
from imports_pipeline_tests.overwrite.model import TEAM

#: Well-formed ids of nobody.
DEAD = {"contact": "ctct_01h455vb4pex5vsknk084sn02q", "group": "grp_01h455vb4pex5vsknk084sn02q"}
_PEOPLE = [
    {"name": name, "email": email, "external_id": f"E-{number}", "phone": f"+1202555010{number // 2}"}
    for number, (name, email) in enumerate(
        [
            ("Ann", "a@example.com"), ("Bob", "b@example.com"), ("Cid", "C@example.com"), ("Dan", "d@EXAMPLE.com"),
            ("Ann", "a@example.org"), ("Eve", "b@example.com"), ("Fay", "f@example.com"), ("Gus", ""),
        ]
    )
]  # fmt: skip
_GROUPS = [{"name": name, "external_id": f"G-{name}"} for name in "ABCD"]
#: what cells hold that say nothing of who it is; the last is often bad and seldom chosen.
_CELLS = {
    "notes": ["", "x", "y", "z", "=1"],
    "is_primary": ["", "yes", "no", "yes", "perhaps"],
    TEAM: ["", "red", "blue", "red", "green"],
    "groups": ["", "A", "B", "A,B", "Nowhere"],
    "resource": ["contact", "contact", "contact", "contact", "thing"],
    "children": ["", "external_id:E-1", "external_id:E-2,external_id:E-3", "b@example.com", "Ann"],
    "id": ["", "", "", "", "what"],
}
_HEADERS = {
    "contact": ("name", "email", "phone", "external_id", "notes", "is_primary", TEAM, "groups"),
    "group": ("name", "resource", "external_id", TEAM, "children"),
}
_MATCHES = {
    "contact": [
        "",
        "",
        "email",
        "external_id",
        "name",
        "id,email",
        "email,external_id",
        "name,external_id",
        "phone",
        "external_id,phone",
    ],
    "group": ["", "", "", "external_id", "name", "name,external_id", "external_id,id"],
}


@dataclass(frozen=True)
class Template:
    """An upload whose ids are not filled in yet: ``#n`` is the n-th stored id, ``dead`` one of nobody."""

    resource: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    options: dict[str, Any] = field(default_factory=dict)


def first(resource: str) -> Template:
    """Return the upload that an organization begins with."""
    known = _PEOPLE if resource == "contact" else _GROUPS[:3]
    rows = [{**one, "resource": "contact", "groups": "A" if n % 2 else "A,B"} for n, one in enumerate(known)]
    header = {
        "contact": ("name", "email", "phone", "external_id", "groups"),
        "group": ("name", "resource", "external_id"),
    }
    named = header[resource]
    return Template(
        resource, named, tuple(tuple(row[n] for n in named) for row in rows), {"match_on": "external_id"}
    )


def template(random: Random, resource: str) -> Template:
    """Make up an upload."""
    action = random.choice(["merge", "merge", "overwrite", "overwrite", "overwrite", "delete"])
    header = [name for name in _HEADERS[resource] if name in ("name", "resource") or random.random() < 0.7]
    if random.random() < 0.1:
        header.remove("name")
    if action == "delete" or random.random() < 0.3:
        header.insert(random.randrange(len(header) + 1), "id")
    if len(header) < 3:
        header += [name for name in (TEAM, "external_id") if name not in header]
    known = _PEOPLE if resource == "contact" else _GROUPS
    people = random.sample(known, random.randint(1, len(known) if action != "delete" else 2))
    if random.random() < 0.15:
        people.append(random.choice(people))
    rows = [tuple(_written(random, name, person, known, action) for name in header) for person in people]
    if "id" in header:
        rows = _with_ids_of_ours(header.index("id"), rows)
    if random.random() < 0.15:
        bad = [("x",), ("E-1",), ("b@example.com",), ("A",), (*["y"] * len(header), "E-2")]
        rows.insert(random.randrange(len(rows) + 1), random.choice(bad))
    if random.random() < 0.02:
        rows = []
    links = "groups" if resource == "contact" else "children"
    named = tuple(random.choice([n, f"{n}.add", f"{n}.remove"]) if n == links else n for n in header)
    if random.random() < 0.1:
        rows.insert(random.randrange(len(rows) + 1), named)
    if random.random() < 0.15:
        rows += random.sample([*FOOTERS, ("",) * len(header)], 2)
    return Template(resource, named, tuple(rows), _options(random, resource, action))


def _with_ids_of_ours(at: int, rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return rows whose ids are blank unless one is an id of this system.

    A column of ids that holds none is another system's: ``schemas/column_mapping`` has the tests of that.
    """
    if any(row[at].startswith("#") or row[at] == "dead" for row in rows if "\0" not in "".join(row)):
        return rows
    return [(*row[:at], "", *row[at + 1 :]) for row in rows]


def _written(
    random: Random, name: str, person: dict[str, str], known: list[dict[str, str]], action: str
) -> str:
    cell = _cell(random, name, person, known, action)
    chance = random.random()
    if cell.startswith("#") or cell == "dead":
        return cell
    return (
        damaged(random, name, cell)
        if chance < 0.01
        else decorated(random, name, cell)
        if chance < 0.15
        else cell
    )


def _cell(random: Random, name: str, person: dict[str, str], known: list[dict[str, str]], action: str) -> str:
    if name in person:
        if random.random() < 0.06:
            person = random.choice(known)
        if name in ("email", "phone") and random.random() < 0.03:
            return "nowhere"
        shown = 0.9 if name == "name" else 0.75
        return person[name] if random.random() < shown else ""
    if name == "id" and random.random() < (0.95 if action == "delete" else 0.4):
        return f"#{random.randrange(8)}" if random.random() < 0.93 else "dead"
    cells = _CELLS[name]
    return cells[-1] if random.random() < 0.05 else random.choice(cells[:-1])


def _options(random: Random, resource: str, action: str) -> dict[str, Any]:
    def maybe(share: float, *values: Any) -> Any:
        return random.choice(values) if random.random() < share else None

    return {
        "action": action,
        "match_on": random.choice(_MATCHES[resource]),
        "duplicate_handling": random.choice(["ignore_all", "use_first"]),
        "blank_cells": maybe(0.25, "clear"),
        "max_errors": maybe(0.15, 0, 1, 2, "20%", "40%"),
        "max_deletions": maybe(0.25, 0, 1, 3, 9),
        "deletion_floor": maybe(0.2, 0, 1, 3),
        "deletion_percent": maybe(0.2, 0, 25, 50),
        "deletion_total": maybe(0.1, 1, 3),
        "location_id": maybe(0.25, "Berlin", "Oslo"),
    }
