"""The option ``column_mapping``: field to header, or field to a template of headers.

A name that begins with ``_`` is no field: its column is left out. Columns whose headers begin with ``_`` are not read
either.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.schemas import catalog
from imports_pipeline.schemas.column_mapping import templates
from imports_pipeline.schemas.column_mapping.headers.aliases import candidates, normalise, trimmed
from imports_pipeline.schemas.column_mapping.plan import Source
from imports_pipeline.schemas.column_mapping.refusals import closest, listed, quoted, refused
from imports_pipeline.schemas.column_mapping.templates import is_template


def left_out_columns(names: Sequence[str], column_mapping: Mapping[str, str]) -> frozenset[int]:
    """Return the positions of the columns that ``column_mapping`` leaves out.

    Raises ``PermanentFailure`` if it also gives one of them to a field.
    """
    left_out = {
        _mapped_position(header, names) for field, header in column_mapping.items() if _is_none(field)
    }
    for field, header in fields_only(column_mapping).items():
        if not is_template(header) and _mapped_position(header, names) in left_out:
            raise refused(
                "invalid_column_mapping",
                f"column_mapping gives the header {quoted(header)} to {quoted(field)} and leaves it out; keep one of"
                " them",
            )
    return frozenset(left_out)


def fields_only(column_mapping: Mapping[str, str]) -> dict[str, str]:
    """Return the part of ``column_mapping`` that names fields."""
    return {field: header for field, header in column_mapping.items() if not _is_none(field)}


def _is_none(field: str) -> bool:
    return field.strip().startswith("_")


def explicit_columns(
    names: Sequence[str], resource: catalog.Resource, column_mapping: Mapping[str, str]
) -> tuple[dict[str, int], dict[str, Source]]:
    """Return what ``column_mapping`` says: field → position, and field → template."""
    positions: dict[str, int] = {}
    made: dict[str, Source] = {}
    for wanted, header in column_mapping.items():
        field = _mapped_field(wanted, resource)
        if field in made or (field in positions and is_template(header)):
            raise _twice(field)
        if is_template(header) and header.strip() not in names:
            made[field] = templates.parse(header, lambda name: _mapped_position(name, names))
            continue
        at = _mapped_position(header, names)
        if field in positions:
            raise _twice(field)
        if at in positions.values():
            other = next(name for name, taken in positions.items() if taken == at)
            raise refused(
                "invalid_column_mapping",
                f"column_mapping gives the header {quoted(names[at])} to both {quoted(other)} and "
                f"{quoted(field)}; a header may be mapped once",
            )
        positions[field] = at
    return positions, made


def mapped_fields(resource: catalog.Resource, column_mapping: Mapping[str, str]) -> list[str]:
    """Return the fields that ``column_mapping`` names, which need no file to be checked.

    Raises ``PermanentFailure`` if one is no field of the resource, or is named twice.
    """
    fields: list[str] = []
    for wanted in fields_only(column_mapping):
        field = _mapped_field(wanted, resource)
        if field in fields:
            raise _twice(field)
        fields.append(field)
    return fields


def _twice(field: str) -> PermanentFailure:
    """Return the error of a field that is mapped twice."""
    return refused(
        "invalid_column_mapping",
        f"column_mapping names the field {quoted(field)} twice; keep one of them",
    )


def _mapped_field(wanted: str, resource: catalog.Resource) -> str:
    """Find the field that ``column_mapping`` means."""
    exact = resource.find(wanted)
    if exact is not None:
        return exact.name
    if meant := candidates(wanted, resource):
        return meant[0]
    close = difflib.get_close_matches(wanted, [field.name for field in resource.fields], n=1)
    hint = (
        f"; perhaps {quoted(close[0])} is meant"
        if close
        else f"; fields are {listed(list(resource.by_name))}"
    )
    raise refused(
        "invalid_column_mapping",
        f"column_mapping names {quoted(wanted)}, which is no field of a {resource.name}{hint}",
    )


def _mapped_position(header: str, names: Sequence[str]) -> int:
    """Find the column that ``column_mapping`` means: as it is written first, then normalised."""
    written = trimmed(header)
    matches = [at for at, name in enumerate(names) if name and name == written]
    if not matches and normalise(written):
        matches = [at for at, name in enumerate(names) if normalise(name) == normalise(written)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        one, other = matches[:2]
        raise refused(
            "duplicate_header",
            f"column_mapping names {quoted(header)}, which can mean column {one + 1} {quoted(names[one])} "
            f"and {other + 1} {quoted(names[other])}; write it as it stands in the file, or rename one",
        )
    close = closest(header, names)
    hint = f"; perhaps {quoted(close[0])} is meant" if close else ""
    raise refused(
        "unknown_mapped_column",
        f"column_mapping names the column {quoted(header)}, which the file does not have; "
        f"it has {listed(names)}{hint}",
    )
