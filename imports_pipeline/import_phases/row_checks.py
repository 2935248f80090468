"""The row checks of prevalidation, for a file or a part of one. They write the accepted and the rejected rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.import_phases.files import formulas, left_out_cells, rejections
from imports_pipeline.import_phases.files.accepted_rows import Layout, RowsWriter
from imports_pipeline.import_phases.files.rejected_rows_writer import RejectedRows, rejected_writer
from imports_pipeline.import_phases.freed_memory import releasing_memory
from imports_pipeline.import_phases.misread_letters import MisreadCell, first_misread
from imports_pipeline.import_phases.preparsing import match_keys
from imports_pipeline.import_phases.unused_text import name_unused_text
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.files import LEFT_OUT, REJECTED_ROWS, ROWS, Files
from imports_pipeline.model.files import rejections as rejections_file
from imports_pipeline.model.imports import Import
from imports_pipeline.model.notices import Notice
from imports_pipeline.model.options import BadCells, BlankCells, Options
from imports_pipeline.model.phases import Phase
from imports_pipeline.reading import MalformedRecords, ReadOptions, RowBatch, TableReader, open_table
from imports_pipeline.reading.json_items import ItemsReader
from imports_pipeline.reading.passed_over import merged
from imports_pipeline.reading.records import PassedOver
from imports_pipeline.reading.unpacking import DEFAULT_UNPACKING, UnpackingLimits
from imports_pipeline.reading.xlsx.sheets import others_sentence
from imports_pipeline.schemas.catalog import CONTACT, RESOURCES
from imports_pipeline.schemas.check import Checked, check_batch
from imports_pipeline.schemas.column_mapping.families.several_values import (
    several_emails as holds_several_emails,
)
from imports_pipeline.schemas.column_mapping.field_values import FieldValues, field_values
from imports_pipeline.schemas.column_mapping.known_files.known_file import InvalidKnownFile, KnownFile
from imports_pipeline.schemas.column_mapping.known_files.recognition import (
    NONE,
    UnknownKnownFile,
    known_files,
    recognise,
)
from imports_pipeline.schemas.column_mapping.mapping import map_columns
from imports_pipeline.schemas.column_mapping.plan import Cell, ColumnMap
from imports_pipeline.schemas.column_mapping.unused import unused_columns, values_left_out
from imports_pipeline.schemas.spreadsheet_cells import Origin
from imports_pipeline.settings import Settings

# The columns by which an errors file is recognised when it is uploaded again.
_ERRORS_FILE: Final = frozenset({"_line", "_code"})


def read_options(options: Options, unpacking: UnpackingLimits = DEFAULT_UNPACKING) -> ReadOptions:
    """Return the reader's options for the file of an import.

    Args:
        options: the options of the import.
        unpacking: the limits of what the file may unpack to.
    """
    return ReadOptions(
        encoding=options.encoding,
        delimiter=options.delimiter,
        quote=options.quote,
        escape=options.escape,
        line_end=options.line_end,
        header_line=options.header_line,
        sheet=options.sheet,
        compression=options.compression,
        unpacking=unpacking,
    )


def _known_file(
    import_: Import, header: Sequence[str], among: Mapping[str, KnownFile] | None
) -> KnownFile | None:
    """Return the known file that a header belongs to, or ``None``.

    Raises:
        PermanentFailure: if the option ``known_file`` names none, or a known file of the user is invalid.
    """
    wanted = import_.options.known_file
    if import_.resource != CONTACT.name or wanted == NONE:
        return None
    try:
        return recognise(header, known_files(Settings.read().known_files) if among is None else among, wanted)
    except UnknownKnownFile as error:
        raise PermanentFailure(
            "unknown_known_file", f"{error}; `imports-pipeline known-files` lists them."
        ) from error
    except InvalidKnownFile as error:
        raise PermanentFailure(
            "invalid_known_file", f"{error}. Correct it, or unset IMPORTS_KNOWN_FILES."
        ) from error


@dataclass(frozen=True)
class Source:
    """An upload that is a table or the items of a batch, with the mapping of its columns.

    ``restoring`` is True for an errors file or an export, in which cells were neutralised for spreadsheets. ``known``
    is the known file of its kind, if it was recognised as one.
    """

    import_: Import
    table: TableReader | ItemsReader
    mapping: ColumnMap
    layout: Layout
    match_on: tuple[str, ...]
    restoring: bool
    known: KnownFile | None
    sample: pa.RecordBatch | None = None
    several_emails: frozenset[int] = frozenset()

    @classmethod
    def open(
        cls,
        import_: Import,
        upload: BinaryIO,
        reading: ReadOptions | None = None,
        among: Mapping[str, KnownFile] | None = None,
        several_emails: frozenset[int] = frozenset(),
    ) -> Source:
        """Open the upload and map its columns.

        Args:
            import_: the import.
            upload: the file.
            reading: how to read it; by default as the import's options say.
            among: the known files by name that it may be; by default all of them.
            several_emails: columns known to hold cells with several email addresses.

        Raises:
            PermanentFailure: if the upload is no table, lacks a column, or shall be a known file that does not exist.
        """
        resource, options = RESOURCES[import_.resource], import_.options
        match_on = [key.name for key in match_keys(resource, options.match_on, options.action)]
        table: TableReader | ItemsReader
        if import_.is_batch:
            table = ItemsReader(upload)
        else:
            table = open_table(upload, reading or read_options(options), name=import_.source_uri or "")
        header = table.header
        restoring = set(header) >= _ERRORS_FILE or formulas.EXPORT_COLUMN in header
        sample = None if isinstance(table, ItemsReader) else table.sample()
        if restoring:
            header = tuple(formulas.restore(pa.array(header, pa.string())).to_pylist())
            sample = sample and _restored_cells(sample)
        known = None if import_.is_batch else _known_file(import_, header, among)
        if known is not None:
            options = options.with_defaults(known.defaults)
            import_ = replace(import_, options=options)
        try:
            mapping = map_columns(
                header,
                resource,
                action=options.action,
                match_on=match_on,
                column_mapping=options.column_mapping,
                unknown_columns=options.unknown_columns,
                sample=sample,
                by_rule=not import_.is_batch,
                preset=known.preset if known else None,
                # To clear blank cells would clear the alternate emails of rows with one address.
                several_emails=None if options.blank_cells is BlankCells.CLEAR else several_emails,
                missing_name=options.missing_name,
            )
        except PermanentFailure as failure:
            # The first sheet may be a cover page, and the needed columns may be on another sheet.
            other = others_sentence(table.detected.sheet, table.detected.other_sheets)
            raise PermanentFailure(failure.code, f"{failure.reason} {other}".rstrip()) from failure
        layout = Layout(tuple(header), mapping)
        return cls(import_, table, mapping, layout, tuple(match_on), restoring, known, sample, several_emails)

    @property
    def origin(self) -> Origin:
        """The kind of file that the cells come from; it decides which marks of spreadsheets are looked for."""
        if self.import_.is_batch:
            return Origin.ITEMS
        return Origin.WORKBOOK if self.table.detected.sheet else Origin.TEXT

    def notices(self, checked: CheckedRows) -> tuple[Notice, ...]:
        """Return what a person should know about the file and what was found in its rows."""
        resource = RESOURCES[self.import_.resource]
        sentences = {
            "other_sheets": others_sentence(self.table.detected.sheet, self.table.detected.other_sheets),
            "unused_columns": unused_columns(self.layout.header, self.mapping, resource, self.sample),
            "values_left_out": values_left_out(checked.left_out),
        }
        found = [Notice(code, sentence) for code, sentence in sentences.items() if sentence]
        if checked.misread:
            found.append(checked.misread.notice())
        return tuple(found)

    def detected(self, passed_over: Sequence[PassedOver] = ()) -> dict[str, Any]:
        """Return the detected properties of the file: encoding, dialect, header line, columns, lines passed over."""
        return {
            # Metadata of Dagster may hold lists, but no tuples.
            **{
                name: list(value) if isinstance(value, tuple) else value
                for name, value in asdict(self.table.detected).items()
            },
            "header_line": self.table.header_line,
            "known_file": self.known.name if self.known else None,
            "columns": {
                column.field: list(column.headers) if len(column.headers) > 1 else column.headers[0]
                for column in self.mapping.columns
            },
            "ignored_columns": list(self.mapping.ignored),
            "passed_over": [asdict(one) for one in passed_over],
        }


class SeveralEmails(Exception):
    """Cells behind the sample hold several email addresses: the plan of columns needs fields for the others.

    ``args`` has the positions of the columns.
    """


@dataclass(frozen=True)
class CheckedRows:
    """The result of checking rows.

    Attributes:
        total: How many rows there were.
        rejected: How many of them were rejected.
        passed_over: The records that were passed over as no rows.
        misread: The first cell whose letters were damaged before the file was written.
        left_out: Header → how many of its values found no field of a contact.
    """

    total: int
    rejected: int
    passed_over: tuple[PassedOver, ...] = ()
    misread: MisreadCell | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: CheckedRows) -> CheckedRows:
        """Return the sum of two results; ``other`` is of the rows that follow in the file."""
        passed_over = tuple(merged([*self.passed_over, *other.passed_over]))
        return CheckedRows(
            self.total + other.total,
            self.rejected + other.rejected,
            passed_over,
            self.misread or other.misread,
            dict(Counter(self.left_out) + Counter(other.left_out)),
        )


@dataclass(frozen=True)
class Outputs:
    """The names of the files of accepted rows, rejected rows, errors and left-out cells.

    ``parts`` is the number of parts of the accepted rows.
    """

    rows: str = ROWS
    rejected: str = REJECTED_ROWS
    errors: str = rejections_file(Phase.PREVALIDATION)
    left_out: str = LEFT_OUT
    parts: int = 1


def check(
    source: Source,
    batches: Iterator[RowBatch],
    files: Files,
    outputs: Outputs,
    counted: Callable[[int], None] = lambda _: None,
) -> CheckedRows:
    """Check rows and write them, a batch at a time; return the result.

    ``counted`` is called with the number of rows so far before each batch is checked, and may raise an error.
    """
    total = 0
    passed_over: list[PassedOver] = []
    misread: MisreadCell | None = None
    left_out: Counter[str] = Counter()
    layout = source.layout
    with (
        files.open_write(outputs.rows) as rows_file,
        rejections.writing_as(files, outputs.errors) as errors,
        _left_out_writer(files, outputs.left_out, source.import_.options) as invalid,
        RowsWriter(rows_file, layout, outputs.parts) as rows,
        rejected_writer(files, outputs.rejected, layout) as rejected,
    ):
        for batch in releasing_memory(batches):
            total += batch.cells.num_rows + len(batch.malformed)
            counted(total)
            passed_over = merged([*passed_over, *batch.passed_over])
            restored = _restored(batch) if source.restoring else batch
            given = field_values(restored.cells, source.mapping)
            misread = misread or first_misread(given.values, restored.line)
            errors.add(_checked(restored, given, source, rows, rejected, invalid))
            left_out.update({layout.header[at]: count for at, count in given.left_out.items()})
    return CheckedRows(total, errors.count, tuple(passed_over), misread, dict(left_out))


def _restored(batch: RowBatch) -> RowBatch:
    """Restore the cells of an errors file or an export that were neutralised for spreadsheets."""
    return replace(batch, cells=_restored_cells(batch.cells))


def _restored_cells(cells: pa.RecordBatch) -> pa.RecordBatch:
    return pa.record_batch([formulas.restore(column) for column in cells.columns], schema=cells.schema)


def _checked(
    batch: RowBatch,
    given: FieldValues,
    source: Source,
    rows: RowsWriter,
    rejected: RejectedRows,
    invalid: rejections.Writer | None,
) -> pa.Table:
    """Check the given values of a batch, write its rows and left-out cells, and return its errors."""
    layout, options = source.layout, source.import_.options
    checked = check_batch(
        RESOURCES[source.import_.resource],
        given.values,
        action=options.action,
        match_on=source.match_on,
        blank_cells=options.blank_cells,
        default_region=options.default_region,
        origin=source.origin,
        bad_cells=options.bad_cells,
        missing_name=options.missing_name,
    )
    if options.blank_cells is not BlankCells.CLEAR and not source.import_.is_batch:
        _raise_for_several_emails(checked, source.mapping)
    if invalid and checked.left_out.num_rows:
        invalid.add(
            left_out_cells.table(batch.line, checked.left_out, _headers(checked.left_out, given, layout))
        )
    found = name_unused_text(checked.errors, batch.cells, layout)
    bad = found["row"].combine_chunks()
    good = np.ones(batch.cells.num_rows, dtype=bool)
    good[bad.to_numpy()] = False
    errors = rejections.table(
        batch.line.take(bad),
        found["code"].combine_chunks(),
        _headers(found, given, layout),
        found["value"].combine_chunks(),
        found["message"].combine_chunks(),
    )
    accepted = pa.array(good)
    rows.write(
        batch.line.filter(accepted),
        batch.byte_offset.filter(accepted),
        batch.cells.filter(accepted),
        checked.values.filter(accepted),
    )
    rejected.write(batch, good)
    return pa.concat_tables([_malformed_errors(batch.malformed, layout), errors])


def _raise_for_several_emails(checked: Checked, plan: ColumnMap) -> None:
    """Raise ``SeveralEmails`` if a cell that is no email address holds several of them, and they have no fields yet."""
    found = pa.concat_tables([checked.errors, checked.left_out])
    refused = found.filter(pc.equal(found["code"], "invalid_email"))
    if not refused.num_rows:
        return
    positions = []
    for column in plan.columns:
        if isinstance(column.source, Cell):
            cells = refused.filter(pc.equal(refused["field"], column.field))["value"].combine_chunks()
            if holds_several_emails(cells).any():
                positions.append(column.source.position)
    if positions:
        raise SeveralEmails(*positions)


def _headers(errors: pa.Table, given: FieldValues, layout: Layout) -> pa.Array:
    """Return the header of each error's column.

    A field of a family of headers can have its values from different columns, so each row has its own header.
    """
    fields = errors["field"].combine_chunks()
    headers = layout.headers_of(fields)
    rows = errors["row"].to_numpy()
    for name, origins in given.origins.items():
        of_field = pc.equal(fields, name).to_numpy(zero_copy_only=False)
        of_field[of_field] = origins[rows[of_field]] >= 0
        if of_field.any():
            named = pa.array([layout.header[at] for at in origins[rows[of_field]]], pa.string())
            headers = pc.replace_with_mask(headers, pa.array(of_field), named)
    return headers


def _malformed_errors(malformed: MalformedRecords, layout: Layout) -> pa.Table:
    table = malformed.table
    # A cell beyond the last header has no column name.
    header = pa.array(layout.header, pa.string())
    at = pc.subtract(table["column"], 1)
    named = pc.and_(pc.greater_equal(at, 0), pc.less(at, len(header)))
    column = pc.fill_null(header.take(pc.if_else(named, at, pa.scalar(None, pa.int64()))), "")
    return rejections.table(table["line"], table["code"], column, table["value"], table["message"])


def _left_out_writer(
    files: Files, name: str, options: Options
) -> AbstractContextManager[rejections.Writer | None]:
    """Write the cells that are left out, if the options leave any out."""
    if options.bad_cells is not BadCells.LEAVE_OUT:
        return nullcontext()
    return rejections.writing_as(files, name, left_out_cells.SCHEMA)
