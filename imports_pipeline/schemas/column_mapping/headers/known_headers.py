"""The headers that a field is known by: the aliases of the catalog and, for contacts, the words of all languages."""

from __future__ import annotations

from functools import cache
from typing import Final

from imports_pipeline.schemas.catalog import CONTACT, Resource
from imports_pipeline.schemas.column_mapping.families.slots import SLOTS
from imports_pipeline.schemas.column_mapping.headers.aliases import candidates, normalise
from imports_pipeline.schemas.column_mapping.headers.header_words import meaning
from imports_pipeline.schemas.column_mapping.headers.vocabulary import vocabulary

# Kinds with one field. A column of names of groups has a field only in some files.
_FIELDS: Final = {"name": "name", "notes": "notes", "id": "external_id"}
# The parts that are the whole value.
_WHOLE: Final = {"name": ("", "full"), "address": ("", "formatted", "street")}


@cache
def known_headers(resource: Resource) -> dict[str, tuple[str, ...]]:
    """Return field → headers that name it, without those that differ only in case or punctuation.

    A file's other columns and its cells have a say too: a header of this list may mean another field there.

    Example:
        >>> known_headers(CONTACT)["email"][:2]
        ('e_mail', 'email_address')
    """
    found: dict[str, dict[str, str]] = {
        field.name: {normalise(alias).replace(".", ""): alias for alias in field.aliases}
        for field in resource.fields
    }
    if resource is CONTACT:
        for header in sorted(vocabulary().written):
            field = _field(header)
            if field in found:
                found[field].setdefault(normalise(header), header)
    return {
        field: tuple(alias for key, alias in headers.items() if key != normalise(field))
        for field, headers in found.items()
    }


def _field(header: str) -> str | None:
    """Return the field of a contact that a header alone means; None if it means none, or a part of a value."""
    if named := candidates(header, CONTACT):
        return named[0]
    said = meaning(header)
    if said is None or said.number not in (None, 1) or said.part not in _WHOLE.get(said.kind, ("",)):
        return None
    if said.kind in SLOTS:
        slots = SLOTS[said.kind]
        return slots.fields.get(slots.slot(said.slot or "main"))
    return None if said.slot else _FIELDS.get(said.kind)
