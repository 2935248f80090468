"""Slots: the fields of a contact that take several values of one kind, and the order in which they are filled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Slots:
    """The fields of one kind: slot → field, ``main`` first, then in the order in which further values take them."""

    fields: dict[str, str]
    # Slot of another kind → the slot of this kind that takes its values (``home`` is ``personal`` of an email).
    other_names: dict[str, str]

    def slot(self, named: str) -> str:
        """Return the slot that a header or a label names; empty if this kind has none for it."""
        named = self.other_names.get(named, named)
        return named if named in self.fields else ""


# Further values without a slot go to ``other`` first, since nothing says that they are of work or of home.
SLOTS: Final[dict[str, Slots]] = {
    "email": Slots(
        {
            "main": "email",
            "other": "alternate_emails.other",
            "personal": "alternate_emails.personal",
            "work": "alternate_emails.work",
            "social": "alternate_emails.social",
            "education": "alternate_emails.education",
        },
        {"home": "personal"},
    ),
    "phone": Slots(
        {
            "main": "phone",
            "other": "alternate_phones.other",
            "mobile": "alternate_phones.mobile",
            "home": "alternate_phones.home",
            "work": "alternate_phones.work",
            "education": "alternate_phones.education",
        },
        {},
    ),
    "address": Slots(
        {
            "main": "address",
            "secondary": "alternate_addresses.secondary",
            "other": "alternate_addresses.other",
            "home": "alternate_addresses.home",
            "work": "alternate_addresses.work",
            "education": "alternate_addresses.education",
        },
        {},
    ),
}


def second_line(field: str) -> str:
    """Return the field of an address's second line."""
    return "address_line2" if field == "address" else f"{field}_line2"
