"""Writes small tables and pollutes them: one damage of one kind at one place, with what its author meant beside it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

ENDS = ("\n", "\r\n", "\r")
HEADERS = (
    ("name", "email", "phone"),
    ("name", "notes"),
    ("external_id", "name", "email", "groups"),
    ("Full name", "E-mail", "Notes", "Shoe size"),
    ("First Name", "Last Name", "Address", "City", "Country"),
    ("Name", "Notizen"),
    ("Vorname", "Nachname", "E-Mail", "Telefon"),
    ("Nom", "Courriel", "Remarques"),
    ("Nombre", "Correo", "Teléfono"),
)
WORDS = (
    "Ann",
    "Bob Ray",
    "Lee, Ann",
    "likes tea",
    "x",
    "",
    "Müller",
    'the "Kid"',
    "two\nlines",
    "Sales, Ops",
    "7",
    "O'Neil",
)


@dataclass(frozen=True)
class Polluted:
    """A damaged file: ``rows`` are what its author meant, ``header`` the names, ``what`` was done to it."""

    text: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    delimiter: str
    what: str


def cell(rng: random.Random, name: str) -> str:
    """A value such as stands under this name."""
    if "mail" in name.casefold():
        return rng.choice(["", f"{rng.choice('abcdef')}{rng.randrange(99)}@example.org"])
    if name == "phone":
        return rng.choice(["", f"+1415555{rng.randrange(1000, 9999)}"])
    return rng.choice(WORDS)


def written(text: str, delimiter: str, always: bool) -> str:
    """A cell as it stands in a file."""
    if always or any(mark in text for mark in (delimiter, '"', "\n")):
        return '"' + text.replace('"', '""') + '"'
    return text


def clean(rng: random.Random) -> tuple[tuple[str, ...], list[tuple[str, ...]], str, bool, str]:
    """A table, and how it is written."""
    header = rng.choice(HEADERS)
    rows = [tuple(cell(rng, name) for name in header) for _ in range(rng.randrange(1, 6))]
    rows = [row if any(row) else ("Zoe", *row[1:]) for row in rows]
    return header, rows, rng.choice(",;\t|^"), rng.random() < 0.3, rng.choice(ENDS)


def polluted(rng: random.Random) -> Iterator[Polluted]:
    """One table, with each kind of damage once, each at a place of its own."""
    header, rows, mark, always, end = clean(rng)
    written_rows = [[written(one, mark, always) for one in row] for row in (header, *rows)]
    lines = [mark.join(row) for row in written_rows]

    def made(lines: list[str], what: str, meant: list[tuple[str, ...]] | None = None) -> Polluted:
        return Polluted(end.join(lines) + end, header, tuple(rows if meant is None else meant), mark, what)

    yield made(lines, "nothing")
    for what, change in _IN_A_LINE.items():
        for number in range(len(lines)):
            if "quote" in what and "\n" in lines[number]:
                # One of its lines may look like a row of its own: a limit that docs/reference/reading.md states.
                continue
            changed = change(rng, lines[number], mark)
            if changed is not None:
                yield made([*lines[:number], changed, *lines[number + 1 :]], f"{what} in line {number}")
    for what, pad in _EVERYWHERE.items():
        yield made([pad(row, mark) for row in written_rows], what)
    for what, extra in _LINES.items():
        for number in range(1, len(lines) + 1):
            added = extra(header, mark)
            yield made([*lines[:number], *added, *lines[number:]], f"{what} after line {number}")


def _insert(text: str) -> Callable[[random.Random, str, str], str | None]:
    def change(rng: random.Random, line: str, mark: str) -> str | None:
        at = rng.randrange(len(line) + 1)
        return line[:at] + text.replace("MARK", mark) + line[at:]

    return change


def _drop(text: str) -> Callable[[random.Random, str, str], str | None]:
    def change(rng: random.Random, line: str, mark: str) -> str | None:
        wanted = text.replace("MARK", mark)
        places = [at for at in range(len(line)) if line.startswith(wanted, at)]
        if not places:
            return None
        at = rng.choice(places)
        return line[:at] + line[at + len(wanted) :]

    return change


def _swap(old: str, new: str) -> Callable[[random.Random, str, str], str | None]:
    def change(rng: random.Random, line: str, mark: str) -> str | None:
        wanted = old.replace("MARK", mark)
        places = [at for at in range(len(line)) if line.startswith(wanted, at)]
        if not places:
            return None
        at = rng.choice(places)
        return line[:at] + new.replace("MARK", mark) + line[at + len(wanted) :]

    return change


#: Damage to one line, at any place in it. Characters that the author's text may itself hold are told by ``meant``.
_IN_A_LINE = {
    "a quote": _insert('"'),
    "two quotes": _insert('""'),
    "a quote lost": _drop('"'),
    "a delimiter": _insert("MARK"),
    "a delimiter lost": _drop("MARK"),
    "a delimiter doubled": _swap("MARK", "MARKMARK"),
    "a blank for a delimiter": _swap("MARK", " "),
    "another delimiter": _swap("MARK", "~"),
    "a blank before a quote": _swap('MARK"', 'MARK "'),
    "a blank after a quote": _swap('"MARK', '" MARK'),
    "a delimiter at the end": lambda _, line, mark: line + mark,
    "a NUL": _insert("\0"),
}
#: Done to every line.
_EVERYWHERE: dict[str, Callable[[list[str], str], str]] = {
    "blanks after every delimiter": lambda row, mark: f"{mark} ".join(row),
    "blanks before every delimiter": lambda row, mark: f" {mark}".join(row),
    "blanks and quotes": lambda row, mark: f"{mark} ".join(x if x[:1] == '"' else f'"{x}"' for x in row),
    "a delimiter at every end": lambda row, mark: mark.join(row) + mark,
    "two delimiters at every end": lambda row, mark: mark.join(row) + 2 * mark,
}
#: Lines put in between.
_LINES: dict[str, Callable[[tuple[str, ...], str], list[str]]] = {
    "the header again": lambda header, mark: [mark.join(header)],
    "a blank line": lambda _, mark: [""],
    "a blank row": lambda header, mark: [mark * (len(header) - 1)],
    "a count": lambda header, mark: ["2 records exported" + mark * (len(header) - 1)],
    "a short count": lambda header, mark: ["(2 rows)"],
    "another table": lambda header, mark: [
        "",
        mark.join(("id", "name", "address")),
        mark.join(("1", "Ulm", "x")),
    ],
    "a table of this width": lambda header, mark: [
        mark.join(("Phone", "Notes", "Location", "Mobile", "Groups")[: len(header)]),
        mark.join("12345"[: len(header)]),
    ],
}
