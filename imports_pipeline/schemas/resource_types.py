"""The types of the catalog: resource, field, identity key and relation.

A *field* is the name that a column of the semantic CSV can have (``alternate_emails.work``). A *column* is the table
column that stores its value (``alternate_emails``). Several fields may share a JSON column, each with its own ``key``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """The kind of a field, which decides how the text of a cell is read."""

    TEXT = "text"
    EMAIL = "email"
    PHONE = "phone"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    ID = "id"
    REFERENCE = "reference"
    REFERENCES = "references"


@dataclass(frozen=True)
class Field:
    """One field of a resource.

    ``operation`` is ``add``, ``remove`` or ``set`` for a list of references, else empty. ``targets`` are the resources
    that a reference may name.
    """

    name: str
    kind: Kind
    column: str
    key: str | None = None
    max_length: int = 255
    aliases: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    operation: str = ""
    targets: tuple[str, ...] = ()
    description: str = ""

    @property
    def is_reference(self) -> bool:
        """True if the field names other records."""
        return self.kind in (Kind.REFERENCE, Kind.REFERENCES)


@dataclass(frozen=True)
class IdentityKey:
    """A key by which a row can be matched, if it fills in all ``fields``; ``lower`` means compared in lower case."""

    name: str
    fields: tuple[str, ...]
    lower: bool = False


@dataclass(frozen=True)
class Relation:
    """The table of a list of references: it links a record (column ``own``) to others (column ``other``)."""

    name: str
    table: str
    own: str
    other: str
    #: The tables whose records it may link to.
    others: tuple[str, ...]


@dataclass(frozen=True)
class Resource:
    """A resource that imports can change."""

    name: str
    table: str
    prefix: str
    fields: tuple[Field, ...]
    #: Every key that ``match_on`` may name.
    keys: tuple[IdentityKey, ...]
    default_match_on: tuple[str, ...]
    #: The fields that a new record needs.
    required: tuple[str, ...]
    #: Sets of columns whose values no two records of an organization share.
    unique: tuple[tuple[str, ...], ...]
    immutable: tuple[str, ...] = ()
    relations: tuple[Relation, ...] = ()
    by_name: dict[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the fields by name."""
        object.__setattr__(self, "by_name", {f.name: f for f in self.fields})

    def find(self, name: str) -> Field | None:
        """Return the field of this exact name, or ``None``; ``metadata.KEY`` is a field for every key."""
        found = self.by_name.get(name)
        if found is None and (match := METADATA_NAME.match(name)):
            return Field(
                name, Kind.TEXT, "metadata", key=match[1], max_length=10_000, description="Free key-value."
            )
        return found

    def key(self, name: str) -> IdentityKey:
        """Return the identity key of this name. Raise ``KeyError``, which names the known keys, if there is none."""
        for key in self.keys:
            if name in (key.name, "+".join(key.fields)):
                return key
        raise KeyError(f"{name!r} is none of {', '.join(k.name for k in self.keys)}")

    @property
    def identity_fields(self) -> tuple[str, ...]:
        """The fields whose columns show which record a row stands for, whatever it is matched on.

        Only the first field of a key of several fields counts: a rejected row may show a part of its identity.
        """
        named = (*(key.fields[0] for key in self.keys), "id_number")
        return tuple(name for name in dict.fromkeys(named) if name in self.by_name)

    def value_columns(self) -> Iterator[str]:
        """Yield the table columns that fields write, each once, in the catalog's order."""
        yield from dict.fromkeys(f.column for f in self.fields if f.kind not in (Kind.ID, Kind.REFERENCES))


METADATA_NAME: Final = re.compile(r"^metadata\.(.{1,100})$", re.DOTALL)

#: The JSON columns. Each field of such a column is a key of the object.
JSON_COLUMNS: Final = frozenset(
    {"alternate_names", "alternate_emails", "alternate_phones", "alternate_addresses", "metadata"}
)
