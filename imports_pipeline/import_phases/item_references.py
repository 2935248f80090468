"""The references of batch items: what rows name, and the record that PostgreSQL finds for each reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.import_phases.files.item_files import REFERENCE_SCHEMA
from imports_pipeline.import_phases.identity.identities import Matches
from imports_pipeline.import_phases.reference_resolution import resolvers
from imports_pipeline.schemas.catalog import Field, Kind
from imports_pipeline.schemas.references import explode


class ItemReferences:
    """The references in some fields of an import's rows.

    Args:
        fields: The fields of the file.
        clears: Whether a blank cell empties a list.
        left_out: Field → lines of the rows whose list could not be read and was left out.
    """

    def __init__(self, fields: Sequence[Field], *, clears: bool, left_out: Mapping[str, pa.Array]) -> None:
        self._lists = [f for f in fields if f.kind is Kind.REFERENCES]
        self._singles = [f for f in fields if f.kind is Kind.REFERENCE]
        self._clears, self._left_out = clears, left_out
        self._resolvers = resolvers(sorted({t for f in fields if f.is_reference for t in f.targets}))
        # The groups that contacts are to be in, as the rows name them.
        self._groups = pa.array([], pa.string())

    @property
    def lists(self) -> list[str]:
        """The names of the fields that hold lists of references."""
        return [f.name for f in self._lists]

    @property
    def names(self) -> list[str]:
        """The names of all fields that hold references."""
        return [f.name for f in (*self._lists, *self._singles)]

    @property
    def name_groups(self) -> bool:
        """True if rows may name groups."""
        return "group" in self._resolvers

    def collect(self, batch: pa.RecordBatch) -> None:
        """Note what a batch of rows names, so that PostgreSQL can look it up."""
        for f in (*self._lists, *self._singles):
            exploded, _ = explode(batch.column(f.name))
            for target in f.targets:
                self._resolvers[target].want(exploded.reference)
            if f.column == "groups" and f.operation != "remove":
                self._groups = pa.concat_arrays([self._groups, exploded.reference.unique()]).unique()

    def resolve(self, connection: psycopg.Connection[Any], organization_id: str) -> None:
        """Look up the records of everything that was collected."""
        for resolver in self._resolvers.values():
            resolver.resolve(connection, organization_id)

    def create_groups(self) -> pa.Table:
        """Resolve groups that are not stored to new ids, and return them."""
        return self._resolvers["group"].create(self._groups)

    def ids(self, f: Field, cells: pa.Array) -> pa.Array:
        """Return the record's id for each cell of a field that holds one reference."""
        return self._single(f, cells)[1]

    def of_items(
        self, batch: pa.RecordBatch, identified: pa.Array, matches: Matches
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of ``references.parquet`` of a batch.

        Args:
            batch: The rows.
            identified: The id of each row's record.
            matches: The stored records of the rows.
        """
        line = batch.column("line")
        for f in self._singles:
            text, target, problem = self._single(f, batch.column(f.name))
            rows = pc.indices_nonzero(pc.is_valid(problem))
            yield _table(
                line, identified, f, "", rows, text.take(rows), target.take(rows), problem.take(rows)
            )
        for f in self._lists:
            exploded, _ = explode(batch.column(f.name))
            target, problem = self._targets(f, batch, exploded.row, exploded.reference, matches)
            yield _table(line, identified, f, f.column, exploded.row, exploded.reference, target, problem)
            if f.operation == "set" and self._clears:
                # A blank cell clears the list. A `set` without a reference means an empty list.
                # A list that could not be read and was left out says nothing.
                said = pc.invert(pc.is_in(line, value_set=self._left_out.get(f.name, line[:0])))
                blank = pc.indices_nonzero(pc.and_(pc.is_null(batch.column(f.name)), said))
                nothing = pa.nulls(len(blank), pa.string())
                yield _table(line, identified, f, f.column, blank, nothing, nothing, nothing)

    def _single(self, f: Field, cells: pa.Array) -> tuple[pa.Array, pa.Array, pa.Array]:
        """Return text, target and problem of each cell in a column whose cells hold at most one reference."""
        exploded, _ = explode(cells)
        place = pc.index_in(pa.array(np.arange(len(cells))), value_set=exploded.row)
        found = self._resolvers[f.targets[0]].look_up(exploded.reference)
        return exploded.reference.take(place), found.id.take(place), found.problem.take(place)

    def _targets(
        self, f: Field, batch: pa.RecordBatch, row: pa.Array, reference: pa.Array, matches: Matches
    ) -> tuple[pa.Array, pa.Array]:
        """Return target and problem of references; a group's ``resource`` decides which resource its members have."""
        if len(f.targets) == 1:
            found = self._resolvers[f.targets[0]].look_up(reference)
            return found.id, found.problem
        given = (
            batch.column("resource")
            if "resource" in batch.schema.names
            else pa.nulls(batch.num_rows, pa.string())
        )
        resource = pc.coalesce(matches.stored["resource"], given).take(row)
        target, problem = pa.nulls(len(row), pa.string()), pa.nulls(len(row), pa.string())
        for name in f.targets:
            found = self._resolvers[name].look_up(reference)
            chosen = pc.fill_null(pc.equal(resource, name), False)
            # An unknown member has one code, for groups of contacts and of locations.
            unknown = pc.fill_null(pc.equal(found.problem, "unknown_location"), False)
            target = pc.if_else(chosen, found.id, target)
            problem = pc.if_else(chosen, pc.if_else(unknown, "unknown_member", found.problem), problem)
        return target, problem


def _table(
    line: pa.Array,
    identified: pa.Array,
    f: Field,
    relation: str,
    rows: pa.Array,
    reference: pa.Array,
    target: pa.Array,
    problem: pa.Array,
) -> pa.RecordBatch:
    """Return rows of ``references.parquet``: ``rows`` are the positions in the batch that the references stand in."""
    count = len(rows)
    return pa.record_batch(
        [
            line.take(rows),
            identified.take(rows),
            pa.array([relation] * count, pa.string()),
            pa.array([f.operation] * count, pa.string()),
            pa.array([f.name] * count, pa.string()),
            reference,
            target,
            problem,
        ],
        schema=REFERENCE_SCHEMA,
    )
