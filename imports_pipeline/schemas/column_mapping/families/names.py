"""The name of a contact: a full name, else its parts in several columns, else a company in an address book."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from imports_pipeline.schemas.cells import is_without_spaces
from imports_pipeline.schemas.column_mapping.families.contact_points import Header
from imports_pipeline.schemas.column_mapping.headers.header_words import undecorated
from imports_pipeline.schemas.column_mapping.headers.meanings import Meaning
from imports_pipeline.schemas.column_mapping.headers.vocabulary import divided, folded
from imports_pipeline.schemas.column_mapping.plan import Cell, FirstFilled, Joined, Source
from imports_pipeline.schemas.column_mapping.sample import Sample

# The order in which the parts of a name are joined; a particle is `van der`.
_PARTS: Final = ("first", "middle", "particle", "last")
# The slots that a column of names may have, the surest first: `School Name` and `Shipping Name` are another's.
_OWN: Final = ("", "main", "billing", "secondary")
_WORDS: Final = re.compile(r"[^\W\d_]+")
# What systems call the name that somebody logs in with.
_LOGINS: Final = frozenset({"username", "login", "loginname", "userprincipalname", "upn", "userid"})


def sources(
    names: Sequence[str],
    documented: Mapping[int, str],
    header: Header,
    by_rule: bool,
    companies_are_names: bool,
    may_be_of_another: bool,
) -> dict[str, Source]:
    """Return where the name is read from; empty if no column says it.

    Args:
        names: The headers.
        documented: Column → the field that it has the name of.
        header: What the columns mean.
        by_rule: Whether a rule reads a column of the file; then a company stands in for a missing name.
        companies_are_names: Whether a company stands in for a column with the name of the field as well: a preset says
            which column is the company, or the file is an address book.
        may_be_of_another: Whether a column named ``name`` may be the login or the company, as in other products' files.
            It is where none of its cells has the first and last names of its row.
    """
    named = next((at for at, name in documented.items() if name == "name"), None)
    parts, full = _parts(header)
    found: list[Cell | Joined] = []
    of_another: list[Cell] = []
    if named is not None and _is_a_part(named, parts, header.sample):
        # `Name` beside `Last name` and no first name, or beside `Vorname` and no last name.
        parts["last" if "first" in parts else "first"] = [named]
    elif named is not None:
        is_another = may_be_of_another and _is_of_another(named, parts, header.sample)
        (of_another if is_another else found).append(Cell(named))
    for at in full:
        (of_another if _is_of_another(at, parts, header.sample) else found).append(Cell(at))
    if "first" in parts and "last" in parts:
        order = _order(names, parts)
        found.append(Joined(tuple(at for part in order for at in parts.get(part, ()))))
    found += of_another
    companies = sorted(header.with_part("company", ""), key=header.place)
    if found and companies and (companies_are_names or (by_rule and named is None)):
        found += map(Cell, companies)
    if not found:
        return {}
    return {"name": found[0] if len(found) == 1 else FirstFilled(tuple(found))}


def add_person(
    names: Sequence[str],
    documented: Mapping[int, str],
    free: Sequence[int],
    meanings: dict[int, Meaning],
    sample: Sample,
) -> None:
    """Let a column that says only who a row is about (``User name``, ``Subscriber``) be the email or the name.

    All of its cells must be addresses, or most of them names, and the file must have no other column for it.
    """
    about = [at for at in free if at not in meanings and _is_about_a_person(names[at])]
    for kind, fits in (("email", sample.has_only_emails), ("name", sample.has_names)):
        known = any(one.kind == kind and (kind == "name" or not one.part) for one in meanings.values())
        if known or kind in documented.values():
            continue
        if (column := next((at for at in about if at not in meanings and fits(at)), None)) is not None:
            meanings[column] = Meaning(kind)


def _is_about_a_person(header: str) -> bool:
    """Return whether a header says who a row is about, and nothing else."""
    if folded(undecorated(header)) in _LOGINS:
        return True
    words = divided(undecorated(header))
    return bool(words) and {word.kind for word in words or ()} == {"person"}


def _order(names: Sequence[str], parts: Mapping[str, Sequence[int]]) -> Sequence[str]:
    """Return the parts in the order in which they are written: the family name first in Chinese, Japanese, Korean."""
    return ("last", "first") if is_without_spaces(names[parts["last"][0]]) else _PARTS


def _parts(header: Header) -> tuple[dict[str, list[int]], list[int]]:
    """Return part → its columns in order (two last names in Spanish), and the columns with the full name."""
    parts = {part: found for part in _PARTS if (found := _columns(header, part))}
    full = sorted(
        (
            at
            for at, one in header.with_part("name", "full").items()
            if at not in header.documented and one.number in (None, 1) and one.slot in _OWN
        ),
        key=lambda at: (_OWN.index(header.meanings[at].slot), header.place(at)),
    )
    if plain := _columns(header, ""):
        # `Nombre` and `Nom` are the first or last name beside the other, and the full name alone.
        missing = [part for part in ("first", "last") if part not in parts]
        if len(missing) == 1:
            parts[missing[0]] = plain[:1]
        elif not full and missing:
            full = plain[:1]
    return parts, full


def _columns(header: Header, part: str, *, numbered: bool = True) -> list[int]:
    """Return the columns of a part by number, one each; of several with one number the one that most rows fill in.

    `Family` beside `Last Name` may be the household. If as many rows fill in both, the one that comes first counts.
    """
    found = {
        at: one
        for at, one in header.with_part("name", part).items()
        if at not in header.documented and (numbered or one.number in (None, 1))
    }
    slot = next((slot for slot in _OWN if any(one.slot == slot for one in found.values())), None)
    by_number: dict[int, int] = {}
    for at, one in found.items():
        if one.slot == slot:
            known = by_number.setdefault(one.number or 1, at)
            if len(header.sample.filled(at)) > len(header.sample.filled(known)):
                by_number[one.number or 1] = at
    return [at for _, at in sorted(by_number.items())]


def _is_a_part(name: int, parts: Mapping[str, Sequence[int]], sample: Sample) -> bool:
    """Return whether a column named `Name` lacks the part that another column has, in every row that fills in both."""
    if sample.cells is None or len({"first", "last"} & parts.keys()) != 1:
        return False
    (other,) = (parts[part][0] for part in ("first", "last") if part in parts)
    rows = zip(sample.cells.column(name).to_pylist(), sample.cells.column(other).to_pylist(), strict=True)
    both = [
        (whole.casefold(), part.strip().casefold()) for whole, part in rows if whole and part and part.strip()
    ]
    return bool(both) and not any(part in whole for whole, part in both)


def _is_of_another(name: int, parts: Mapping[str, Sequence[int]], sample: Sample) -> bool:
    """Return whether no cell of a column with names has all words of the first and last names of its row."""
    if sample.cells is None or not {"first", "last"} <= parts.keys():
        return False
    names = sample.cells.column(name).to_pylist()
    others = [sample.cells.column(parts[part][0]).to_pylist() for part in ("first", "last")]
    seen = False
    for whole, *known in zip(names, *others, strict=True):
        words = {word for text in known for word in _WORDS.findall((text or "").casefold())}
        if whole and words:
            if words <= set(_WORDS.findall(whole.casefold())):
                return False
            seen = True
    return seen
