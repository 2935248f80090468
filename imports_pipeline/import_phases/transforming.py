"""Transforming, the third phase: finds the stored record of each row and reference, and turns rows into batch items.

It writes the files of the batch (``files/item_files.py``). An unresolved reference is written with its ``problem``, and
``validation`` rejects its row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from imports_pipeline.import_phases.files import left_out_cells, rejections
from imports_pipeline.import_phases.files.accepted_rows import Rows
from imports_pipeline.import_phases.files.item_files import (
    REFERENCE_SCHEMA,
    item_schema,
    note_distinct,
    note_token,
)
from imports_pipeline.import_phases.identity import keyless_rows
from imports_pipeline.import_phases.identity.equal_records import EqualRecords
from imports_pipeline.import_phases.identity.identities import BY_VALUES, Matcher, Matches
from imports_pipeline.import_phases.item_references import ItemReferences
from imports_pipeline.import_phases.memory.remembered_rows import MemoryMisled, check_ids, check_untouched
from imports_pipeline.import_phases.preparsing import match_keys
from imports_pipeline.model import ids, progress
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.files import ITEMS, NEW_GROUPS, REFERENCES, Files
from imports_pipeline.model.imports import Import, creates_groups
from imports_pipeline.model.notices import Notice
from imports_pipeline.model.option_choices import Action, BadCells, BlankCells, MissingName
from imports_pipeline.model.phases import Phase, PhaseResult
from imports_pipeline.schemas.catalog import RESOURCES, Field, Kind, Resource


class ItemCopy(Protocol):
    """Copies items to another place while they are written to their file."""

    def begin(self, fields: Sequence[str], rows: int) -> None:
        """Begin with items of these fields, for at most ``rows`` rows."""

    def add(self, items: pa.Table) -> None:
        """Copy items."""

    def end(self) -> str | None:
        """Return a token for the file after the last items, or ``None`` if the items were not copied."""


def transform(
    import_: Import,
    files: Files,
    connection: psycopg.Connection[Any],
    checkpoint: Callable[[], None] = lambda: None,
    early: ItemCopy | None = None,
) -> PhaseResult:
    """Resolve the identities and references of the rows that earlier phases accepted, and write the items.

    ``early`` gets the items as they are written. ``facts`` of the result holds the number of rows that each key has
    ``matched``, and the number of ``new`` rows.

    Raises:
        PermanentFailure: if the import's ``location_id`` is not stored.
    """
    check_location(connection, import_.organization_id, import_.options.location_id)
    return _Transforming(import_, files, connection, checkpoint, early).run()


def check_location(connection: psycopg.Connection[Any], organization_id: str, location: str | None) -> None:
    """Raise ``PermanentFailure`` if the organization has no location of this id. None passes."""
    if location is None:
        return
    found = connection.execute(
        "SELECT FROM locations WHERE organization_id = %s AND id = %s", (organization_id, location)
    )
    if found.fetchone() is None:
        raise PermanentFailure(
            "unknown_location",
            f"There is no location {location}; `imports-pipeline locations list` lists the existing ones.",
        )


class _Transforming:
    """One run of the phase, in two passes over the rows: the first collects what PostgreSQL has to look up."""

    def __init__(
        self,
        import_: Import,
        files: Files,
        connection: psycopg.Connection[Any],
        checkpoint: Callable[[], None],
        early: ItemCopy | None,
    ) -> None:
        self.early = early
        self.import_, self.files, self.connection, self.checkpoint = import_, files, connection, checkpoint
        self.options = import_.options
        self.resource: Resource = RESOURCES[import_.resource]
        self.rows = Rows(files)
        self.duplicates = rejections.lines(files, [Phase.PREPARSING]).to_numpy()
        fields = self.rows.layout.fields
        if self.options.action is Action.DELETE:
            fields = ("id",)
        known: list[Field] = [f for name in fields if (f := self.resource.find(name)) is not None]
        self.items = [f for f in known if f.kind not in (Kind.ID, Kind.REFERENCES)]
        self.has_id = "id" in fields
        clears = self.options.blank_cells is BlankCells.CLEAR
        leaves_out = self.options.bad_cells is BadCells.LEAVE_OUT
        left_out = left_out_cells.by_field(files) if clears and leaves_out else {}
        self.references = ItemReferences(known, clears=clears, left_out=left_out)
        self.keys = match_keys(self.resource, self.options.match_on, self.options.action)
        self.matcher = Matcher(
            connection,
            import_.id,
            import_.organization_id,
            self.resource,
            self.keys,
            fields,
            EqualRecords(connection, import_, self.keys, self.items),
        )
        self.named_by_email = (
            self.options.missing_name is MissingName.EMAIL
            and self.options.action is not Action.DELETE
            and self.resource.name == "contact"
            and "email" in fields
        )
        if self.named_by_email and "name" not in fields:
            self.items = [*self.items, self.resource.by_name["name"]]
        self.total = self.rows.count - len(self.duplicates) + import_.remembered

    def run(self) -> PhaseResult:
        remembered = (
            check_untouched(self.import_, self.files, self.connection, self.keys)
            if self.import_.remembered
            else {}
        )
        self._resolve_references()
        if self.options.action is not Action.DELETE:
            self.matcher.stage(self._canonical)
        fields = [f.name for f in self.items]
        with (
            self.files.open_write(ITEMS) as items_file,
            self.files.open_write(REFERENCES) as references_file,
            rejections.writing(self.files, Phase.TRANSFORMING) as errors,
            pq.ParquetWriter(
                items_file, item_schema(fields), compression="lz4", use_dictionary=False
            ) as items,
            pq.ParquetWriter(references_file, REFERENCE_SCHEMA, compression="lz4") as references,
        ):
            wanted = [*(["id"] if self.has_id else []), *fields, *self.references.lists]
            wanted = [name for name in wanted if name in self.rows.layout.fields]
            if self.early:
                self.early.begin(fields, self.rows.count)
            matched: Counter[str] = Counter()
            created = done = 0
            for batch in self._batches(wanted):
                self.checkpoint()
                done += batch.num_rows
                progress.count(done)
                matches = self.matcher.next(batch.column("line"))
                if self.named_by_email:
                    batch = _named_by_email(batch, self._new(batch, matches))
                bad = self._unidentified(batch, matches)
                errors.add(bad)
                if bad.num_rows:
                    good = pc.invert(pc.is_in(batch.column("line"), value_set=bad["line"].combine_chunks()))
                    batch = batch.filter(good)
                    matches = _filtered(matches, good)
                identified, is_new = self._identified(batch, matches)
                created += pc.sum(is_new).as_py() or 0
                self.matcher.count(batch, is_new, matched)
                for found in self.references.of_items(batch, identified, matches):
                    if found.num_rows:
                        references.write_table(pa.Table.from_batches([found]))
                columns = [batch.column("line"), identified, is_new, *self._values(batch)]
                table = pa.table(columns, schema=item_schema(fields))
                items.write_table(table)
                if self.early:
                    self.early.add(table)
            if self.early and (token := self.early.end()):
                note_token(items, token)
            if self._are_distinct(matched):
                note_distinct(items)
        self.matcher.forget()
        if remembered:
            self._check_remembered(matched)
        matched.update(remembered)
        return PhaseResult(
            Phase.TRANSFORMING,
            self.total,
            errors.count,
            {"matched": dict(matched), "new": created},
            self._notices(matched[BY_VALUES]),
        )

    def _check_remembered(self, matched: Mapping[str, int]) -> None:
        """Raise ``MemoryMisled`` if a row could stand for the record of a remembered row."""
        if matched[BY_VALUES] or self.matcher.new_without_keys:
            raise MemoryMisled("rows fill in no identity key")
        with self.files.open_read(ITEMS) as file:
            items = pq.read_table(file, columns=["id", "is_new"], pre_buffer=False)
        check_ids(self.files, items["id"].filter(pc.invert(items["is_new"])), "two rows stand for one record")

    def _resolve_references(self) -> None:
        if self.references.names:
            for batch in self._batches(self.references.names):
                self.references.collect(batch)
        self.references.resolve(self.connection, self.import_.organization_id)
        if creates_groups(self.import_) and self.references.name_groups:
            with self.files.open_write(NEW_GROUPS) as file:
                pq.write_table(self.references.create_groups(), file)

    def _notices(self, matched: int) -> tuple[Notice, ...]:
        """Return the notice about rows without keys, if any; ``matched`` of them were matched by their values."""
        new = self.matcher.new_without_keys
        if self.options.action is Action.DELETE or not matched + new:
            return ()
        return (
            keyless_rows.notice(
                self.resource, self.keys, matched, new, self.rows.layout.fields, self._batches
            ),
        )

    def _canonical(self, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield ``line`` and fields as they would be stored: a single reference is replaced by the id of its record."""
        for batch in self._batches(fields):
            for f in self.items:
                if f.kind is Kind.REFERENCE and f.name in fields:
                    place = batch.schema.get_field_index(f.name)
                    batch = batch.set_column(place, f.name, self.references.ids(f, batch.column(f.name)))
            yield batch

    def _are_distinct(self, matched: Mapping[str, int]) -> bool:
        """Return whether no two items can stand for one record.

        This holds if one key has matched all rows, since preparsing leaves no two rows with the same value of a key. It
        does not hold for a key that ignores case, because preparsing and PostgreSQL may differ in lower-casing. A
        record that was matched by its values has no key, and its id is in no row.
        """
        used = [self.resource.key(name) for name, count in matched.items() if count and name != BY_VALUES]
        return len(used) <= 1 and not any(key.lower for key in used)

    def _batches(self, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield ``line`` and fields of the rows that preparsing accepted, in order of line."""
        for batch in self.rows.values(fields):
            if len(self.duplicates):
                kept = ~np.isin(batch.column("line").to_numpy(), self.duplicates)
                batch = batch.filter(pa.array(kept))
            yield batch

    def _unidentified(self, batch: pa.RecordBatch, matches: Matches) -> pa.Table:
        """Return the errors of rows that identify no single record, or lack a field that a new record needs."""
        problem = pc.indices_nonzero(pc.is_valid(matches.problem))
        found = [
            rejections.table(
                batch.column("line").take(problem),
                matches.problem.take(problem),
                "",
                pa.nulls(len(problem), pa.string()),
                matches.detail.take(problem),
            )
        ]
        if self.options.action is not Action.DELETE:
            new = self._new(batch, matches)
            for name in self.resource.required:
                lacking = pc.is_null(batch.column(name)) if name in batch.schema.names else pa.scalar(True)
                rows = pc.indices_nonzero(pc.and_(new, lacking))
                found.append(
                    rejections.table(
                        batch.column("line").take(rows),
                        "nothing_to_create_from",
                        name,
                        pa.nulls(len(rows), pa.string()),
                        f"no stored {self.resource.name} matches the row, and a new one needs `{name}`: fill it in",
                    )
                )
        return pa.concat_tables(found)

    def _new(self, batch: pa.RecordBatch, matches: Matches) -> pa.Array:
        """Return which rows (boolean) become new records."""
        new = pc.is_null(matches.id)
        return pc.and_(new, pc.is_null(batch.column("id"))) if self.has_id else new

    def _identified(self, batch: pa.RecordBatch, matches: Matches) -> tuple[pa.Array, pa.Array]:
        """Return the id of each row (given, matched, or new), and whether it is new."""
        known = pc.coalesce(batch.column("id"), matches.id) if self.has_id else matches.id
        is_new = pc.is_null(known)
        new = ids.new_ids(self.resource.prefix, pc.sum(is_new).as_py() or 0)
        return pc.replace_with_mask(known, is_new, new), is_new

    def _values(self, batch: pa.RecordBatch) -> list[pa.Array]:
        """Return the values of the item fields; a single reference is replaced by the id of its record."""
        values = []
        for f in self.items:
            value = batch.column(f.name)
            if f.kind is Kind.REFERENCE:
                value = self.references.ids(f, value)
            values.append(value)
        return values


def _named_by_email(batch: pa.RecordBatch, new: pa.Array) -> pa.RecordBatch:
    """Fill in the email as name of new contacts without one; a stored contact keeps the name it has."""
    lacks = "name" not in batch.schema.names
    name = pa.nulls(batch.num_rows, pa.string()) if lacks else batch.column("name")
    name = pc.if_else(pc.and_(new, pc.is_null(name)), batch.column("email"), name)
    if lacks:
        return batch.append_column("name", name)
    return batch.set_column(batch.schema.get_field_index("name"), "name", name)


def _filtered(matches: Matches, mask: pa.Array) -> Matches:
    return Matches(
        matches.id.filter(mask),
        matches.problem.filter(mask),
        matches.detail.filter(mask),
        {name: values.filter(mask) for name, values in matches.stored.items()},
    )
