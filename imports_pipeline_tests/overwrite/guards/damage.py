"""Damaged files: a stored set of people, a file that names most of them, and what may befall the cells of its rows."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from random import Random
from typing import Any

#: Few and similar values, so that what damage leaves is often somebody else's.
_NAMES = ["Ann", "Anna", "Ann Lee", "Lee", "Bob Ray", "Éva Nagy", "Bob", "Ray"]
_LOCAL = ["ann", "anna", "ann.lee", "bob", "bob1", "bob11", "lee"]
IDENTITY = ("name", "email", "phone", "external_id")
_HEADERS = [
    ("name", "email"), ("name", "external_id"), ("name", "email", "phone"), ("name", "email", "external_id"),
    ("name", "phone", "email", "external_id", "is_primary"), ("email", "notes"), ("email",),
    ("external_id", "is_primary"), ("Own", "name", "email", "notes", "is_primary"),
]  # fmt: skip
_INSERTED = [*" @.,;<>\"'()-+/:x1\t\u00a0\0\n", "mailto:", "é", "\u200b", "="]


@dataclass
class Row:
    """A row of the file: whose it is, its cells, and the identity cells that were damaged."""

    person: int
    cells: list[str]
    damaged: set[str]


@dataclass
class Damaged:
    """What is stored, and the file that is imported over it. People are numbered."""

    stored: str
    people: list[dict[str, str]]
    header: tuple[str, ...]
    rows: list[Row]
    options: dict[str, Any]

    def content(self) -> str:
        """Write the file."""
        return _csv(self.header, [row.cells for row in self.rows])

    def is_taken_for_another(self, row: Row) -> bool:
        """Return whether what damage left in an identity cell is the value of another person, decoration apart."""
        others = {
            folded(value)
            for number, person in enumerate(self.people)
            if number != row.person
            for name, value in person.items()
            if name in IDENTITY
        }
        if len(row.cells) == len(self.header):
            cells = [cell for name, cell in zip(self.header, row.cells, strict=True) if name in row.damaged]
        else:
            cells = row.cells
        pieces = (one for cell in cells for one in (cell, *re.split(r"[\s,;|^<>()\"'`:=/?&*]+", cell)))
        return any(folded(piece) in others for piece in pieces if folded(piece))


def folded(text: str) -> str:
    """Write a text by its letters and digits alone."""
    return "".join(filter(str.isalnum, text.lower()))


def damaged(random: Random) -> Damaged:
    """Make up one."""
    count = random.randint(3, 9)
    people = []
    for number in range(count):
        local, host = random.choice(_LOCAL), random.choice(["example.org", "example.com"])
        people.append(
            {
                "name": random.choice(_NAMES),
                "email": f"{local}@{host}",
                "phone": f"+1415555{random.choice(['0101', '0102', '0110'])}",
                "external_id": f"E-{number * random.choice([1, 11])}-{number}",
                "is_primary": random.choice(["yes", "no", ""]),
            }
        )
    stored = _csv(tuple(people[0]), [list(one.values()) for one in people])
    header = random.choice(_HEADERS)
    # A stored email that two people have names nobody.
    keys = [name for name in ("external_id", "email") if name in header][:1]
    known = [
        n for n, one in enumerate(people) if sum(one[keys[0]] == other[keys[0]] for other in people) == 1
    ]
    leaving = random.choice([0, 1, 1, 2])
    staying = random.sample(known, max(0, len(known) - leaving))
    rows = []
    for number in staying:
        person = {**people[number], "notes": random.choice(["", "x", "met Bob"]), "Own": str(number)}
        rows.append(Row(number, [person[name] for name in header], set()))
    for row in random.sample(rows, min(len(rows), random.choice([1, 1, 2, 4]))):
        _damage(random, header, row)
    rows.append(Row(-1, [{"name": "New"}.get(name, _new(name)) for name in header], set()))
    options = {"duplicate_handling": random.choice(["ignore_all", "use_first"])}
    return Damaged(stored, people, header, rows, options)


def _new(name: str) -> str:
    return {"email": "new@example.net", "external_id": "N-1"}.get(name, "")


def _damage(random: Random, header: tuple[str, ...], row: Row) -> None:
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        at = random.randrange(len(row.cells))
        kind = random.randrange(9)
        if kind == 0 and len(header) > 1:
            other = random.randrange(len(row.cells))
            row.cells[at], row.cells[other] = row.cells[other], row.cells[at]
            _note(row, header, other)
        elif kind == 1:
            row.cells[at] = ""
        elif kind == 2:
            row.cells.insert(at, random.choice(["", "x", row.cells[at]]))
        elif kind == 3 and len(row.cells) > 1:
            del row.cells[at]
        elif kind == 4:
            row.cells[at] = random.choice(["<{}>", "{};", "mailto:{}", "'{}", "X <{}>", "{} (old)"]).format(
                row.cells[at]
            )
        else:
            row.cells[at % len(row.cells)] = _edited(random, row.cells[at % len(row.cells)])
        _note(row, header, at)


def _edited(random: Random, text: str) -> str:
    at = random.randrange(len(text) + 1)
    kind = random.randrange(4)
    if kind == 0:
        return text[:at] + random.choice(_INSERTED) + text[at:]
    if kind == 1:
        return text[:at] + text[at + random.randint(1, 3) :]
    if kind == 2:
        return text[:at] + text[at : at + 1] + text[at:]
    return text.swapcase()


def _note(row: Row, header: tuple[str, ...], at: int) -> None:
    if at < len(header):
        row.damaged.add(header[at])


def _csv(header: tuple[str, ...], rows: list[list[str]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([header, *rows])
    return out.getvalue()
