"""The catalog of resources: their fields, identity keys and tables. All SQL identifiers come from here.

A *field* is the name that a column of the semantic CSV can have (``alternate_emails.work``). A *column* is the table
column that stores its value (``alternate_emails``). Several fields may share a JSON column, each with its own ``key``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from imports_pipeline.model import ids


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
        """Return the fields whose columns show which record a row stands for, whatever it is matched on.

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


def _nested(column: str, keys: tuple[str, ...], kind: Kind, max_length: int = 255) -> tuple[Field, ...]:
    what = column.removeprefix("alternate_").removesuffix("es" if column.endswith("sses") else "s")
    return tuple(
        Field(
            f"{column}.{key}",
            kind,
            column,
            key=key,
            max_length=max_length,
            aliases=_nested_aliases(what, key),
            description=f"Alternate {what}, {key}.",
        )
        for key in keys
    )


def _nested_aliases(what: str, key: str) -> tuple[str, ...]:
    """Return the names that people use for one of several values: Work Email, Home Phone Number, Address (home)."""
    kind, _, line = key.partition("_")
    if what == "name":
        return ()
    if line:
        return (f"{kind}_{what}_line2", f"{kind}_{what}_2", f"{kind}_street_2")
    kinds = {"work": ("work", "business", "office"), "mobile": ("mobile", "cell")}.get(kind, (kind,))
    names = tuple(name for kind in kinds for name in (f"{kind}_{what}", f"{what}_{kind}"))
    if what == "phone":
        names += tuple(f"{kind}_{number}" for kind in kinds for number in ("phone_number", "number"))
        # A file with only one phone column may call it `Mobile`, so `phone` has these aliases too and comes first.
        return (*names, *kinds) if kind == "mobile" else names
    return (*names, f"{kind}_street") if what == "address" else names


def _references(name: str, targets: tuple[str, ...], description: str) -> tuple[Field, ...]:
    return tuple(
        Field(
            f"{name}.{operation}",
            Kind.REFERENCES,
            name,
            max_length=1_000_000,
            aliases=(name,) if operation == "set" else (),
            operation=operation,
            targets=targets,
            description=f"{description} ({operation}).",
        )
        for operation in ("set", "add", "remove")
    )


_ADDRESS_KEYS: Final = tuple(
    key + suffix for key in ("secondary", "home", "work", "education", "other") for suffix in ("", "_line2")
)

CONTACT: Final = Resource(
    name="contact",
    table="contacts",
    prefix=ids.CONTACT,
    fields=(
        Field("id", Kind.ID, "id", aliases=("contact_id",), description="Id of a stored contact."),
        Field(
            "name",
            Kind.TEXT,
            "name",
            aliases=("full_name", "contact_name", "display_name"),
            description="Full name.",
        ),
        Field(
            "email",
            Kind.EMAIL,
            "email",
            max_length=320,
            aliases=("e_mail", "email_address", "e_mail_address", "mail", "primary_email"),
            description="Email address.",
        ),
        Field(
            "phone",
            Kind.PHONE,
            "phone",
            max_length=64,
            aliases=(
                "phone_number",
                "telephone",
                "tel",
                "phone_no",
                "telephone_number",
                "primary_phone",
                "mobile",
                "mobile_phone",
                "mobile_number",
                "mobile_phone_number",
                "cell",
                "cell_phone",
                "cell_phone_number",
            ),
            description="Phone number, stored as E.164.",
        ),
        Field(
            "address",
            Kind.TEXT,
            "address",
            max_length=1000,
            aliases=("street_address", "address_1", "address_line_1", "address_line1", "street"),
            description="Address.",
        ),
        Field(
            "address_line2",
            Kind.TEXT,
            "address_line2",
            max_length=1000,
            aliases=("address_2", "address_line_2", "street_2", "street_address_2"),
            description="Second line of the address.",
        ),
        *_nested("alternate_names", ("0", "1", "2", "3", "4"), Kind.TEXT),
        *_nested("alternate_emails", ("work", "personal", "education", "social", "other"), Kind.EMAIL, 320),
        *_nested("alternate_phones", ("work", "home", "mobile", "education", "other"), Kind.PHONE, 64),
        *_nested("alternate_addresses", _ADDRESS_KEYS, Kind.TEXT, 1000),
        Field("id_number", Kind.TEXT, "id_number", description="Number of an identity document or badge."),
        Field(
            "external_id",
            Kind.TEXT,
            "external_id",
            aliases=("external_identifier", "ext_id", "employee_id", "foreign_id"),
            description="The record's id in the caller's own system.",
        ),
        *_references("groups", ("group",), "Groups the contact is in"),
        *_references("locations", ("location",), "Locations the contact is in"),
        Field(
            "is_primary",
            Kind.BOOLEAN,
            "is_primary",
            aliases=("primary",),
            description="Whether it is a primary contact.",
        ),
        Field(
            "notes",
            Kind.TEXT,
            "notes",
            max_length=100_000,
            aliases=("note", "comments", "comment", "remarks"),
            description="Notes.",
        ),
    ),
    keys=(
        IdentityKey("id", ("id",)),
        IdentityKey("external_id", ("external_id",)),
        IdentityKey("email", ("email",), lower=True),
        IdentityKey("phone", ("phone",)),
        IdentityKey("name", ("name",)),
    ),
    default_match_on=("id", "external_id", "email"),
    required=("name",),
    unique=(("external_id",),),
    relations=(
        Relation("groups", "memberships", "member_id", "group_id", ("groups",)),
        Relation("locations", "contact_locations", "contact_id", "location_id", ("locations",)),
    ),
)

GROUP: Final = Resource(
    name="group",
    table="groups",
    prefix=ids.GROUP,
    fields=(
        Field("id", Kind.ID, "id", aliases=("group_id",), description="Id of a stored group."),
        Field("name", Kind.TEXT, "name", aliases=("group_name",), description="Name."),
        Field(
            "resource",
            Kind.CHOICE,
            "resource",
            aliases=("resource_type", "group_resource"),
            choices=("contact", "location"),
            description="What the group's members are; never changes.",
        ),
        Field(
            "external_id",
            Kind.TEXT,
            "external_id",
            aliases=("external_identifier", "ext_id", "foreign_id"),
            description="The record's id in the caller's own system.",
        ),
        Field(
            "location",
            Kind.REFERENCE,
            "location_id",
            aliases=("location_id", "location_name"),
            targets=("location",),
            description="Location of a group of contacts.",
        ),
        *_references("children", ("contact", "location"), "Members of the group"),
    ),
    keys=(
        IdentityKey("id", ("id",)),
        IdentityKey("external_id", ("external_id",)),
        IdentityKey("name", ("name", "resource")),
    ),
    default_match_on=("id", "external_id", "name"),
    required=("name", "resource"),
    unique=(("external_id",), ("name", "resource")),
    immutable=("resource",),
    relations=(Relation("children", "memberships", "group_id", "member_id", ("contacts", "locations")),),
)

RESOURCES: Final[dict[str, Resource]] = {r.name: r for r in (CONTACT, GROUP)}
