"""The kind of a file: a digest of everything but its rows that the outcome of an import hangs on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from typing import Any, Final

from imports_pipeline.import_phases.opened_upload import Source
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import Action, BadCells, MissingName, Mode, Remember
from imports_pipeline.model.options import Options
from imports_pipeline.reading import TableReader
from imports_pipeline.schemas.catalog import CONTACT, RESOURCES, Kind
from imports_pipeline.schemas.column_mapping.plan_json import to_json

# The version of what a row's outcome is, as far as the packages' versions do not tell. Increase it with a change of
# checks, matching or comparison, or of which rows are remembered.
_VERSION: Final = 2
# The packages whose versions decide what a cell means.
_PACKAGES: Final = ("imports-pipeline", "phonenumbers", "email-validator", "pyarrow", "pandas")
# Options that decide nothing about a single row.
_OF_THE_WHOLE: Final = (
    *("mode", "timeout", "dry_run", "max_errors", "max_deletions", "deletion_floor", "deletion_percent"),
    *("deletion_total", "max_age", "save_upload", "remember"),
)


def kind_of(source: Source, import_: Import, server: str) -> bytes | None:
    """Return the kind of a file that may be remembered, or None.

    Args:
        source: the opened upload.
        import_: its import.
        server: the identifier of the database server, which numbers the transactions.
    """
    table, options = source.table, source.import_.options
    if not isinstance(table, TableReader) or table.text_format is None or not may_be_remembered(import_):
        return None
    if not _rows_stand_alone(source, options):
        return None
    given = {name: value for name, value in options.given().items() if name not in _OF_THE_WHOLE}
    said: list[Any] = [_VERSION, _versions(), server, import_.resource, given, source.match_on]
    said += [source.layout.header, to_json(source.layout.plan), asdict(table.detected), table.text_format]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).digest()


def may_be_remembered(import_: Import) -> bool:
    """Return True if the options of an import allow a memory."""
    options = import_.options
    return (
        not import_.is_batch
        and import_.resource == CONTACT.name
        and options.remember is Remember.AUTO
        and options.action in (Action.MERGE, Action.OVERWRITE)
        and options.mode is Mode.MIXED
        and not options.parts
        and not options.save_result
    )


def has_links(source: Source) -> bool:
    """Return True if the outcome of rows depends on links too, and on the groups and locations that they name."""
    resource = RESOURCES[source.import_.resource]
    fields = [field for name in source.layout.fields if (field := resource.find(name)) is not None]
    located = source.import_.options.location_id is not None
    return located or any(field.kind is Kind.REFERENCES for field in fields)


def _rows_stand_alone(source: Source, options: Options) -> bool:
    """Return True if the outcome of a row depends on its own cells, its keys, its record and what it is linked to."""
    resource = RESOURCES[source.import_.resource]
    unique = {key for key in resource.unique if set(key) & set(source.layout.fields)}
    # Matching finds out that a value is taken if its key is the first after the id. Otherwise all rows are compared.
    first = next((resource.key(name).fields for name in source.match_on if name != "id"), ())
    return (
        source.known is None
        and not source.restoring
        and options.bad_cells in (None, BadCells.REJECT)
        and options.missing_name in (None, MissingName.REJECT)
        and unique <= {first}
    )


@cache
def _versions() -> tuple[str, ...]:
    return tuple(version(package) for package in _PACKAGES)
