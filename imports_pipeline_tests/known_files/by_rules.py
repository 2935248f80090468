"""Measures how much of each known file's sample arrives if nothing is known about the product: by the general rules.

What arrives with the known file is what the owner of a sample expects (``test_samples.py`` holds it). One point each:
the record, its name, each email, phone and group, the external id, each piece of an address, the notes.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.option_choices import MissingGroups, MissingName
from imports_pipeline.reading import open_table
from imports_pipeline.schemas import references
from imports_pipeline.schemas.catalog import CONTACT
from imports_pipeline.schemas.check import check_batch
from imports_pipeline.schemas.column_mapping.field_values import field_values
from imports_pipeline.schemas.column_mapping.known_files.other_exports import OTHER_EXPORT, is_other_export
from imports_pipeline_tests.known_files.reading import opened

SAMPLES: Final = Path(__file__).parent / "samples"
Record = dict[str, str]


@cache
def measured() -> dict[str, tuple[int, int, int]]:
    """Return, by sample, the points of the rules alone, those as a product that nobody described, and all points."""
    found = {}
    for path in sorted(SAMPLES.glob("*.csv")):
        content = path.read_bytes()
        wanted = arriving(content)
        alone = arriving(content, known_file="none")
        as_other = alone
        if is_other_export(open_table(io.BytesIO(content)).header):
            as_other = arriving(content, known_file=OTHER_EXPORT.name)
        found[path.stem] = (
            sum(points(record, alone.get(line)) for line, record in wanted.items()),
            sum(points(record, as_other.get(line)) for line, record in wanted.items()),
            sum(points(record, record) for record in wanted.values()),
        )
    return found


def arriving(content: bytes, **options: object) -> dict[int, Record]:
    """Return the records that an import into an empty database would create, by line; none of a refused file."""
    try:
        source = opened(content, **options)
    except PermanentFailure:
        return {}
    given_options = source.import_.options
    records: dict[int, Record] = {}
    for batch in source.table.batches():
        checked = check_batch(
            CONTACT,
            field_values(batch.cells, source.mapping).values,
            action=given_options.action,
            match_on=source.match_on,
            blank_cells=given_options.blank_cells,
            default_region=given_options.default_region,
            origin=source.origin,
            bad_cells=given_options.bad_cells,
            missing_name=given_options.missing_name,
        )
        rejected = set(checked.errors["row"].to_pylist())
        lines = batch.line.to_pylist()
        for row, values in enumerate(checked.values.to_pylist()):
            record = {field: value for field, value in values.items() if value}
            if given_options.missing_name is MissingName.EMAIL and "email" in record:
                record.setdefault("name", record["email"])
            has_groups = any(field.startswith("groups") for field in record)
            unknown_group = has_groups and given_options.missing_groups is not MissingGroups.CREATE
            if row not in rejected and "name" in record and not unknown_group:
                records[lines[row]] = record
    return records


def points(wanted: Record, found: Record | None) -> int:
    """Return how many values of a record arrived; the record itself is one of them."""
    if found is None:
        return 0
    return 1 + (Counter(_values(wanted)) & Counter(_values(found))).total()


def _values(record: Record) -> Iterator[tuple[str, str]]:
    for field, text in record.items():
        kind = field.removeprefix("alternate_").partition(".")[0].partition("_line2")[0].removesuffix("s")
        pieces: Iterable[str] = (text,)
        if kind.startswith("addres"):
            kind, pieces = "address", text.split(", ")
        elif kind == "group":
            pieces = references.parse(text) or ()
        yield from ((kind, piece.casefold()) for piece in pieces)
