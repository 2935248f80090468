"""What rejected rows show of whose they are, and which of them show it of nobody: the model's rules of protection."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from imports_pipeline_tests.overwrite.cells import read
from imports_pipeline_tests.overwrite.model import Item, Kind, Line, Record, Value, same

_BETWEEN = r"""[\s\0,;|^<>()"'`:=/?&*]+"""


@dataclass
class Shown:
    """What a rejected row shows: every text that protects; by field those that claim; its values."""

    keys: set[str]
    claiming: set[tuple[str, str]] = field(default_factory=set)
    values: dict[str, Value] = field(default_factory=dict)


def folded(text: str) -> str:
    """Write a text as it is compared: its letters and digits, in lower case."""
    return "".join(filter(str.isalnum, text.lower())) or text


def phones_of(text: str) -> set[str]:
    """Return the ends of the phone numbers in a text."""
    return {f"tel {number[-7:]}" for number in re.findall(r"\d{7,}", text)}


def keys_of(id_: str, values: dict[str, Value]) -> set[str]:
    """Return what identifies a record."""
    names = ("external_id", "email", "name", "phone")
    texts = [id_, *(str(values[name]) for name in names if values.get(name) is not None)]
    return {folded(text) for text in texts} | phones_of(str(values.get("phone")))


def pieces_of(cells: Iterable[str]) -> set[str]:
    """Return what may identify somebody in the cells of a row."""
    found: set[str] = set()
    for cell in filter(None, map(_bare, cells)):
        pieces = (one for one in re.split(_BETWEEN, cell) if len(one) > 1 or one.isdigit())
        found |= {folded(cell), *map(folded, pieces), *phones_of(cell)}
    return found


def shown_by_unread(cells: tuple[str, ...]) -> Shown:
    """Return what a record shows that could not be read: each cell may be of any field."""
    filled = [_bare(cell) for cell in cells if _bare(cell)]
    texts = [*filled, *(one + other for one, other in pairwise(filled))]
    keys = {key for text in texts for key in (folded(text), *phones_of(text))}
    return Shown(keys | pieces_of(cells), {("", key) for key in keys})


def shown_by(header: Iterable[str], cells: tuple[str, ...], protecting: Collection[str], kind: Kind) -> Shown:
    """Return what a row shows that could be read."""
    shown = Shown(keys=pieces_of(cells))
    for name, cell in zip(header, cells, strict=True):
        if name in protecting and cell.strip():
            value = read(name, cell, kind)[0] or cell.strip()
            shown.values[name] = value
            shown.claiming |= {(name, key) for key in (folded(str(value)), folded(cell))}
            if name == "phone":
                shown.claiming |= {(name, key) for key in phones_of(cell)}
            if name == "email":
                shown.claiming |= {(name, folded(one)) for one in re.split(_BETWEEN, cell) if "@" in one}
    shown.keys |= {key for _, key in shown.claiming}
    return shown


def unidentified(
    shown: Mapping[Line, Shown],
    left_out: Mapping[str, set[str]],
    records: Mapping[str, Record],
    items: Collection[Item],
    keys: Collection[str],
    protecting: Collection[str],
) -> set[Line]:
    """Return the rejected rows that do not show whose they are.

    ``left_out`` are the keys of the records that no row names; ``keys`` the columns by which records are found.
    """
    claims = {line: set(_claims(one, left_out, records, items, keys)) for line, one in shown.items()}
    claimants: dict[object, dict[Line, dict[str, str]]] = {}
    for line, made in claims.items():
        for who, _ in made:
            said = {name: folded(str(value)) for name, value in shown[line].values.items()}
            claimants.setdefault(who, {})[line] = said
    for item in items:
        if (who := item.id or item.line) in claimants:
            claimants[who][item.line] = {
                name: folded(str(value)) for name, value in item.given.items()
                if name in protecting and name != "id" and value is not None
            }  # fmt: skip
    return {
        line
        for line, made in claims.items()
        if not any(len(claimants[who]) == 1 or _is_one_row(claimants[who].values()) for who, _ in made)
        and not any(n > 1 for n in Counter(who for who, name in made if name).values())
    }


def _claims(
    shown: Shown,
    left_out: Mapping[str, set[str]],
    records: Mapping[str, Record],
    items: Collection[Item],
    keys: Collection[str],
) -> Iterator[tuple[object, str]]:
    """Yield whom a rejected row stands for by which field: a record's id, or the line of a row that makes one."""
    yield from ((i, name) for name, key in shown.claiming for i, known in left_out.items() if key in known)
    for name in keys & shown.values.keys():
        value = shown.values[name]
        for id_, record in records.items():
            if same(name, value, id_ if name == "id" else record.values[name]):
                yield id_, name
        for item in items:
            if item.id is None and same(name, value, item.given.get(name)):
                yield item.line, name


def _is_one_row(rows: Collection[dict[str, str]]) -> bool:
    """Return whether rows that claim one record are plainly one row twice, by what each says of its identity."""
    said: dict[str, list[str]] = {}
    for row in rows:
        for name, value in row.items():
            said.setdefault(name, []).append(value)
    agree = all(len(set(values)) == 1 for values in said.values())
    return agree and all(rows) and len(said) > 1 and any(len(values) > 1 for values in said.values())


def _bare(cell: str) -> str:
    return cell.strip(" \0")
