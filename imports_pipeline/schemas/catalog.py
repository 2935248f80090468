"""The catalog of resources: their fields, identity keys and tables. All SQL identifiers come from here.

``resource_types.py`` defines the types, which this module exports too.
"""

from __future__ import annotations

from typing import Final

from imports_pipeline.model import ids
from imports_pipeline.schemas.resource_types import (
    JSON_COLUMNS,
    METADATA_NAME,
    Field,
    IdentityKey,
    Kind,
    Relation,
    Resource,
)

__all__ = [
    "CONTACT",
    "GROUP",
    "JSON_COLUMNS",
    "METADATA_NAME",
    "RESOURCES",
    "Field",
    "IdentityKey",
    "Kind",
    "Relation",
    "Resource",
]


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
