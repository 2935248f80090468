"""An opened upload: its table or items, the mapping of its columns, and what was detected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, BinaryIO, Final

import pyarrow as pa

from imports_pipeline.import_phases.checked_rows import CheckedRows
from imports_pipeline.import_phases.files import formulas
from imports_pipeline.import_phases.files.accepted_rows import Layout
from imports_pipeline.import_phases.preparsing import match_keys
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.imports import Import
from imports_pipeline.model.notices import Notice
from imports_pipeline.model.option_choices import BlankCells
from imports_pipeline.model.options import Options
from imports_pipeline.reading import ReadOptions, TableReader, open_table
from imports_pipeline.reading.json_items import ItemsReader
from imports_pipeline.reading.records import PassedOver
from imports_pipeline.reading.unpacking import DEFAULT_UNPACKING, UnpackingLimits
from imports_pipeline.reading.xlsx.sheets import others_sentence
from imports_pipeline.schemas.catalog import CONTACT, RESOURCES
from imports_pipeline.schemas.column_mapping.known_files.known_file import InvalidKnownFile, KnownFile
from imports_pipeline.schemas.column_mapping.known_files.other_exports import OTHER_EXPORT
from imports_pipeline.schemas.column_mapping.known_files.recognition import (
    NONE,
    UnknownKnownFile,
    known_files,
    recognise,
)
from imports_pipeline.schemas.column_mapping.mapping import map_columns
from imports_pipeline.schemas.column_mapping.plan import ColumnMap
from imports_pipeline.schemas.column_mapping.sample import NOTHING_KNOWN, KnownCells
from imports_pipeline.schemas.column_mapping.saved_mapping import SavedMapping, SavedMappings
from imports_pipeline.schemas.column_mapping.unused import deleted_rows, unused_columns, values_left_out
from imports_pipeline.schemas.spreadsheet_cells import Origin
from imports_pipeline.settings import Settings

# The columns by which an errors file is recognised when it is uploaded again.
_ERRORS_FILE: Final = frozenset({"_line", "_code"})
_OTHER_EXPORT: Final = (
    f"The file looks like an export of another product (known_file {OTHER_EXPORT.name}): invalid values of optional "
    "fields are left out and listed, tags and lists become groups, and a new contact without a name has its email as "
    "name. bad_cells, missing_groups and missing_name change that; known_file none reads the file strictly."
)


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
    known_cells: KnownCells = NOTHING_KNOWN

    @classmethod
    def open(
        cls,
        import_: Import,
        upload: BinaryIO,
        reading: ReadOptions | None = None,
        among: Mapping[str, KnownFile] | None = None,
        saved: SavedMapping | SavedMappings | None = None,
        known_cells: KnownCells = NOTHING_KNOWN,
    ) -> Source:
        """Open the upload and map its columns.

        Args:
            import_: the import.
            upload: the file.
            reading: how to read it; by default as the import's options say.
            among: the known files by name that it may be; by default all of them.
            saved: the saved mapping that the options name, or those of which they take the one for the header.
            known_cells: what is known of the cells below the sample.

        Raises:
            PermanentFailure: if the upload is no table, lacks a column, has not the header of the saved mapping, or
                shall be a known file that does not exist.
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
            sample = sample and restored_cells(sample)
        if saved is not None:
            options = saved.apply(header, import_.resource, options)
            import_ = replace(import_, options=options)
        known = None if import_.is_batch else _known_file(import_, header, among)
        if known is not None:
            options = options.with_defaults(known.defaults)
            import_ = replace(import_, options=options)
        cells_below = known_cells
        if options.blank_cells is BlankCells.CLEAR:
            # To clear blank cells would clear the alternate emails of rows with one address.
            cells_below = replace(known_cells, several_emails=None)
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
                known_cells=cells_below,
                missing_name=options.missing_name,
                missing_groups=options.missing_groups,
            )
        except PermanentFailure as failure:
            # The first sheet may be a cover page, and the needed columns may be on another sheet.
            other = others_sentence(table.detected.sheet, table.detected.other_sheets)
            raise PermanentFailure(failure.code, f"{failure.reason} {other}".rstrip()) from failure
        layout = Layout(tuple(header), mapping)
        return cls(import_, table, mapping, layout, tuple(match_on), restoring, known, sample, known_cells)

    @property
    def has_continued_rows(self) -> bool:
        """True if a row that fills in only columns of lists continues the row above."""
        return self.known is not None and self.known.preset.continued_rows

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
            "deleted_rows": deleted_rows(self.layout.header, self.mapping, self.sample),
            "values_left_out": values_left_out(checked.left_out),
        }
        found = [Notice(code, sentence) for code, sentence in sentences.items() if sentence]
        if self.known is not None and self.known.name == OTHER_EXPORT.name:
            found.append(Notice("other_export", _OTHER_EXPORT))
        found += [cell.notice() for cell in checked.suspicious.values()]
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


def restored_cells(cells: pa.RecordBatch) -> pa.RecordBatch:
    """Return cells as they were before they were neutralised for spreadsheets."""
    return pa.record_batch([formulas.restore(column) for column in cells.columns], schema=cells.schema)
