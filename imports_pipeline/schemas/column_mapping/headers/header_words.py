"""What a header means, by the words it is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imports_pipeline.schemas.column_mapping.headers.meanings import Meaning
from imports_pipeline.schemas.column_mapping.headers.vocabulary import Word, divided, said, vocabulary

# ``[Required]``, ``(Work)``, ``{mobile}``: may say something of the value, or nothing.
_BRACKETS: Final = re.compile(r"\[[^\]]*\]|\([^)]*\)|\{[^}]*\}")
# ``Group(s)``: a plural.
_PLURAL: Final = re.compile(r"\(s\)", re.IGNORECASE)
# Parts of an address that no email has: `Mail Street` is where letters go.
_PLACES: Final = frozenset({"street", "line2", "line3", "po_box", "city", "region", "postal_code", "country"})
_EDGES: Final = re.compile(r"^[\s#*:.?!]+|[\s#*:.?!]+$")


def undecorated(header: str) -> str:
    """Return a header without brackets, marks at its edges, and ``required``.

    >>> undecorated("Name [displayName] Required"), undecorated("Phone no.:"), undecorated("Note(s)")
    ('Name', 'Phone no', 'Notes')
    """
    text = _without_brackets(_PLURAL.sub("s", header))
    text = _EDGES.sub("", text)
    return re.sub(r"\s+required$", "", text, flags=re.IGNORECASE).strip()


def meaning(header: str) -> Meaning | None:
    """Return what a header means, or nothing if it has an unknown word or says two things.

    >>> str(meaning("E-mail 2 - Label")), str(meaning("MAILINGSTREET")), meaning("Assistant's Phone")
    ('email.label#2', 'address.main.street', None)
    """
    for text in _readings(header):
        if (whole := vocabulary().whole(text)) is not None:
            return whole
        words = divided(text)
        if words and (found := _combined(words)) is not None:
            return found
    return None


def _readings(header: str) -> Iterator[str]:
    """Yield the header with what its brackets say, then without."""
    plain = _PLURAL.sub("s", header)
    yield plain
    without = _without_brackets(plain)
    if without != plain and without.strip():
        yield without


def _without_brackets(header: str) -> str:
    """Return a header without its brackets; one that names another person, such as ``(parents)``, stays."""
    return _BRACKETS.sub(lambda found: found[0] if _is_of_another(found[0]) else " ", header)


def _is_of_another(bracket: str) -> bool:
    return any(word.kind == "ignored" for word in divided(bracket) or ())


def _combined(words: list[Word]) -> Meaning | None:
    kinds, slots, parts = said(words, "kind"), said(words, "slot"), said(words, "part")
    numbers = [word.number for word in words if word.number is not None]
    number = numbers[0] if numbers else None
    if "ignored" in kinds and len(words) > 1:
        return None
    kinds = [kind for kind in kinds if kind != "person"]
    if "mail" in kinds:
        letters = "email" not in kinds and bool(_PLACES & set(parts))
        kinds = list(
            dict.fromkeys(("address" if letters else "email") if kind == "mail" else kind for kind in kinds)
        )
    kind, slot = _kind(kinds, parts), ""
    if kind == "name" and "company" in kinds:
        kind = "company"
    if kind is None or (kind in ("group", "id") and len(kinds) > 1):
        return None
    if "company" in kinds and kind in ("email", "phone", "address"):
        slots.append("work")
    if "mobile" in slots:
        # A mobile phone of work is a mobile phone.
        slots = ["mobile"]
    if len(slots) > 1:
        slots = [one for one in slots if one not in ("main", "additional")]
    slot = slots[0] if len(set(slots)) == 1 else "additional" if slots else ""
    part = _part(kind, parts)
    if kind == "address" and len(numbers) == 2 and part in ("", "street"):
        # `address_1_address_2`, `Address 2 Street 1`: a line of a numbered address.
        part = {1: "street", 2: "line2", 3: "line3"}.get(numbers[1])
    return None if part is None else Meaning(kind, slot, part, number)


def _kind(kinds: list[str], parts: list[str]) -> str | None:
    """Return the kind of a header with these; ``address`` and ``company`` yield to the others."""
    strong = [kind for kind in kinds if kind not in ("address", "company")]
    if not strong:
        return "address" if "address" in kinds else "company" if kinds else None
    if len(strong) > 1:
        return None
    # `Email City` says two things. `Phone Country` says in which country the phone is.
    if "address" in kinds and strong[0] == "phone" and set(parts) - {"country"}:
        return None
    if "address" in kinds and strong[0] in ("name", "notes"):
        return None
    return strong[0]


def _part(kind: str, parts: list[str]) -> str | None:
    """Return the one part that a header names, empty for none; nothing where two parts exclude each other."""
    found = set(parts)
    if kind == "address":
        # `Country/Region` and `Country or region` are the country; `Street Address Line 2` the second line.
        if found == {"country", "region"}:
            return "country"
        if "street" in found and len(found) == 2 and found & {"line2", "line3"}:
            found.discard("street")
    if kind == "company" or (kind == "name" and len(found) == 2):
        # `Account Name` is the company.
        found.discard("full")
    return next(iter(found), "") if len(found) <= 1 else None
