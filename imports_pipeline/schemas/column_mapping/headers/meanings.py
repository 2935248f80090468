"""Meanings: what a header says about its cells, written as a short text.

``KIND[.SLOT][.PART][#NUMBER]``, such as ``email``, ``email.work``, ``phone.mobile#2``, ``email.label#1``,
``address.home.street`` or ``name.first``. Language files and presets use the same texts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# What a value is. ``ignored`` columns are known and hold nothing that a contact has.
KINDS: Final = frozenset(
    {"email", "phone", "address", "name", "company", "group", "id", "notes", "country", "ignored"}
)
# Which of several values of a kind one is; ``main`` is the field without a prefix (``email``, ``phone``).
SLOTS: Final = frozenset(
    {"main", "work", "home", "mobile", "education", "social", "other", "secondary", "additional"}
    | {"mailing", "billing", "shipping"}
)
# Which part of the value the cells hold; no part means the value itself.
PARTS: Final = frozenset(
    {
        *("label", "country", "calling_code", "extension"),
        *("formatted", "street", "house_number", "line2", "line3", "po_box", "city", "region", "postal_code"),
        *("full", "prefix", "first", "middle", "particle", "last", "suffix"),
    }
)
_WRITTEN: Final = re.compile(r"(?P<words>[a-z0-9_]+(?:\.[a-z0-9_]+)*)(?:#(?P<number>\d+))?")


@dataclass(frozen=True)
class Meaning:
    """What the cells of a column hold. ``number`` counts the values of one kind: ``E-mail 2`` has 2."""

    kind: str
    slot: str = ""
    part: str = ""
    number: int | None = None

    @classmethod
    def of(cls, text: str) -> Meaning:
        """Return the meaning that a text such as ``phone.mobile#2`` writes.

        Raises:
            ValueError: the text has an unknown word.
        """
        match = _WRITTEN.fullmatch(text)
        words = match["words"].split(".") if match else [""]
        slots = [word for word in words[1:] if word in SLOTS]
        parts = [word for word in words[1:] if word in PARTS]
        if match is None or words[0] not in KINDS or len(slots) > 1 or len(parts) > 1:
            raise ValueError(f"{text!r} is no meaning of a column")
        if len(slots) + len(parts) < len(words) - 1:
            raise ValueError(f"{text!r} has a word that is neither a slot nor a part")
        number = int(match["number"]) if match["number"] else None
        return cls(words[0], slots[0] if slots else "", parts[0] if parts else "", number)

    def __str__(self) -> str:
        """Return the text that writes the meaning."""
        words = ".".join(word for word in (self.kind, self.slot, self.part) if word)
        return words if self.number is None else f"{words}#{self.number}"
