"""Error codes of rows and of imports. They are stable, in lower snake case, and have one meaning each.

A code never changes its meaning and is never used again for something else; ``docs/reference/errors.md`` is made
from these tables and a test holds the two equal.
"""

from __future__ import annotations

from typing import Final

#: Code → meaning, for a rejected row.
ROW_CODES: Final[dict[str, str]] = {
    # prevalidation: the record could not be read
    "spreadsheet_error": "A cell shows an error of a spreadsheet, such as `#N/A`, in place of a value.",
    "formula_without_value": "A cell of the workbook holds a formula whose result was never saved.",
    "too_many_cells": "The record has more cells than the header.",
    "too_few_cells": "The record has fewer cells than the header.",
    "unclosed_quote": "A quoted cell is never closed.",
    "text_after_quote": "There is text between a closing quote and the next delimiter.",
    "stray_quote": "A quote stands inside a cell that is not quoted, so the record can be read in two ways.",
    "stray_line_end": "A line end of another kind stands in the line, so the line can be read in two ways.",
    "undecodable_bytes": "The record holds bytes that are not text in the file's encoding.",
    "nul_byte": "The record holds a NUL byte.",
    "record_too_long": "The record is longer than the limit.",
    "blank_row": "Every cell of the row is blank.",
    "only_unused_columns": "The row has text only in columns that are not used.",
    "invalid_item": "The item of a batch is no object of fields.",
    # prevalidation: a value is not what its field takes
    "invalid_email": "The value is no email address.",
    "invalid_phone": "The value is no phone number.",
    "shortened_number": "A spreadsheet has shortened a long number, and its other digits are lost.",
    "invalid_boolean": "The value is neither a yes nor a no.",
    "invalid_choice": "The value is not one of the field's choices.",
    "invalid_id": "The value is not an id of this resource.",
    "invalid_reference": "The cell does not hold a reference, or a list of them, that can be read.",
    "invalid_value": "The value breaks a rule of its field.",
    "value_too_long": "The value is longer than the field allows.",
    "conflicting_references": "`.set` stands together with `.add` or `.remove`.",
    "required_value": "A value that the action needs is blank.",
    # prevalidation: no row is rejected
    "cell_left_out": "The value is not what its field takes; it was left out and the rest of the row was imported.",
    # preparsing, parsing
    "duplicate_row": "Another row of the file shares an identity value with this one.",
    "duplicate_record": "Another row of the file stands for the same stored record.",
    # transforming
    "ambiguous_identity": "More than one stored record has this identity value.",
    "conflicting_identity": "Two identity values of the row point at two different stored records.",
    "nothing_to_create_from": "The row matches no stored record and lacks what a new one needs.",
    # validation
    "unknown_id": "No stored record has this id.",
    "unknown_group": "The reference names no stored group.",
    "unknown_location": "The reference names no stored location.",
    "unknown_member": "The reference names no stored contact or location.",
    "ambiguous_reference": "The reference names more than one stored record.",
    "wrong_resource": "The group is not one that the row's resource can belong to.",
    "not_in_group_location": "The group belongs to a location that the contact is not in.",
    "immutable_field": "The field cannot change once the record exists.",
    "value_taken": "Another record holds this value, and it must be unique.",
}

#: Code → meaning, for an import that fails as a whole.
IMPORT_CODES: Final[dict[str, str]] = {
    "source_not_found": "There is no file at the source.",
    "source_not_readable": "The source cannot be read.",
    "source_changed": "The dropped file was replaced by another content before it was read.",
    "source_too_old": "The source is older than `max_age`.",
    "invalid_option": "The options given with the file, or the sync's, cannot be used.",
    "parts_differ": "The part files of a source cannot be read as one: their headers or encodings differ.",
    "empty_file": "The file holds nothing.",
    "not_a_table": "The file is no table of text cells.",
    "undecodable_file": "The file's bytes are not text in any encoding that was tried, or in the one given.",
    "wrong_separator_line": "Line 1 (`sep=…`) names a delimiter that the lines below it do not have.",
    "ambiguous_encoding": "The file's letters read well in more than one encoding; the option `encoding` decides.",
    "merged_header": "Cells of the workbook's header are merged, so one name stands above several columns.",
    "no_header": "The file has no header line, or it cannot be read.",
    "header_mismatch": "All rows have the same number of cells, and the header has another.",
    "second_header": "Another header, and so another table, stands among the rows.",
    "duplicate_header": "Two columns have the same name.",
    "foreign_ids": "The file's ids are those of another system, and a delete needs those of this one.",
    "missing_column": "A column that the action needs is not in the file.",
    "unknown_column": "The file has columns that the resource does not have, and they were not to be ignored.",
    "invalid_known_file": "A file of `IMPORTS_KNOWN_FILES` that describes a known file has a fault.",
    "unknown_known_file": "`known_file` names no known file.",
    "unknown_saved_mapping": "`saved_mapping` names no mapping that was saved for the organization.",
    "saved_mapping_differs": "The file's header is not the one that the mapping of `saved_mapping` was saved for.",
    "unknown_mapped_column": "`column_mapping` names a column that the file does not have.",
    "invalid_column_mapping": "`column_mapping` names an unknown field, one header twice, or leaves out what it reads.",
    "conflicting_columns": "The file has `.set` together with `.add` or `.remove` of one field.",
    "file_too_large": "The file is over the limit, or its cells span too large an area.",
    "too_large_unpacked": "The file unpacks to more bytes than the limit, or than a file of its size may.",
    "too_many_columns": "The file has more columns of values, or longer rows of them, than can be checked at once.",
    "too_many_rows": "The file has more rows than the limit, or than a sheet can have.",
    "unsafe_archive": "The archive holds several files, or a name that leads outside it.",
    "no_valid_row": "Every row was rejected, or there was none.",
    "too_many_deletions": "The import would remove more records than its guards or `max_deletions` allow.",
    "unidentified_rows": "A rejected row does not show whose it is, and the overwrite would remove records.",
    "plan_changed": "The import would do something else than the plan that was committed or approved.",
    "too_many_errors": "More rows were rejected than `max_errors` allows.",
    "unknown_location": "`location_id` names no stored location.",
    "sync_limit_exceeded": "The file is too large for mode `sync`.",
    "canceled": "The import was canceled before it wrote anything.",
    "superseded_by_newer": "A later import was written before this one, so this one was not applied.",
    "fault": "A fault of the machine that a retry did not cure.",
    "timed_out": "The import took longer than its `timeout`.",
    "upload_expired": "No file came before the upload URL expired.",
}
