"""Dagster's column schemas: the columns that a file of a resource may have, and those of the resource's table."""

from __future__ import annotations

from typing import Final

import dagster as dg

from imports_pipeline.schemas.catalog import Resource
from imports_pipeline.schemas.value_rules import rules_of

# The columns of the tables by type, because definitions are loaded without a database. A name that ends in `!` may not
# be NULL. A test compares them with the migrated database.
_TABLES: Final[dict[str, dict[str, str]]] = {
    "contacts": {
        "text": "organization_id! id! name! email phone address address_line2 id_number external_id notes"
        " updated_by created_by",
        "jsonb": "alternate_names! alternate_emails! alternate_phones! alternate_addresses! metadata!",
        "boolean": "is_primary",
        "timestamptz": "created_at! updated_at!",
    },
    "groups": {
        "text": "organization_id! id! name! resource! external_id location_id updated_by created_by",
        "jsonb": "metadata!",
        "timestamptz": "created_at! updated_at!",
    },
}
_DESCRIPTIONS: Final = {
    "organization_id": "The organization that the record belongs to.",
    "metadata": "Free key-value pairs.",
    "location_id": "The location of the group.",
    "created_at": "When the record was created.",
    "updated_at": "When a value of the record last changed.",
    "created_by": "The import that created the record.",
    "updated_by": "The import that last changed the record.",
}


def of_file(resource: Resource) -> dg.TableSchema:
    """Return the columns that a file may have, as the Pandera schema of the resource checks them."""
    alone = {"id", *(key[0] for key in resource.unique if len(key) == 1)}
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=field.name,
                type=field.kind.value,
                description=field.description,
                constraints=dg.TableColumnConstraints(
                    nullable=field.name not in resource.required,
                    unique=field.name in alone,
                    other=[rule.code for rule in rules_of(resource, field.name)],
                ),
            )
            for field in resource.fields
        ],
        constraints=_unique_together(resource),
    )


def of_table(resource: Resource) -> dg.TableSchema:
    """Return the columns of the table of the stored records, with PostgreSQL's types."""
    described = {field.column: field.description for field in resource.fields if field.name == field.column}
    columns = [
        (name.rstrip("!"), kind, not name.endswith("!"))
        for kind, names in _TABLES[resource.table].items()
        for name in names.split()
    ]
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=kind,
                description=_DESCRIPTIONS.get(name) or described.get(name) or f"{_words(name)}, by kind.",
                constraints=dg.TableColumnConstraints(nullable=nullable),
            )
            for name, kind, nullable in columns
        ],
        constraints=_unique_together(resource),
    )


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _unique_together(resource: Resource) -> dg.TableConstraints:
    together = [" + ".join(key) for key in resource.unique if len(key) > 1]
    return dg.TableConstraints(other=[f"{key} is unique" for key in together])
