"""Notices: facts that a person should know although the import went on and the rows were not rejected.

A phase returns its notices in its ``PhaseResult``. They are recorded together with the phase's report, and
replaced when the phase runs again. A code never changes its meaning; ``docs/reference/errors.md`` lists the codes,
and a test holds both equal.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

#: Code → meaning.
NOTICE_CODES: Final[dict[str, str]] = {
    "other_export": "The file was taken for an export of another product, and is read with the defaults of one.",
    "other_sheets": "The workbook has other sheets, hidden ones among them, that were not read.",
    "misread_letters": "Cells hold letters that were damaged before the file was written, such as `MÃ¼ller`.",
    "html_references": "Names hold character references of HTML, such as `&amp;`, in place of characters.",
    "workbook_escapes": "Cells hold character escapes of a workbook, such as `_x000D_`, in place of line breaks.",
    "placeholder_names": "Names look like a program's word for no value, such as `NULL` or `nan`.",
    "unused_columns": "Columns are not used although their cells look like values of a contact.",
    "deleted_rows": "Rows say in an unused column that they are deleted, and are imported like the others.",
    "values_left_out": "A row has more values of one kind than a contact has fields for.",
    "lost_zeros": "New external ids differ from stored ones only by zeros at their beginning, or as decimals.",
    "rows_without_keys": "Rows fill in no key of `match_on`, and some of them equal no stored record: those are new.",
    "rows_matched_by_values": "Rows fill in no key of `match_on`; each equals a stored record and is taken for it.",
    "cells_left_out": "Invalid values of optional fields were left out; the rest of their rows was imported.",
    "groups_created": "Groups that rows name and that were not stored are created by the import.",
    "earlier_imports_written": "Imports that were accepted before this one were brought to their end first.",
    "memory_not_used": "The memory of the last file of this kind was not used, so every row was read.",
}


@dataclass(frozen=True)
class Notice:
    """One notice: a stable code, and one sentence that says what was found and what to do.

    Raises:
        ValueError: the code is not in ``NOTICE_CODES``.
    """

    code: str
    message: str

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for an unknown code."""
        if self.code not in NOTICE_CODES:
            raise ValueError(
                f"no such notice: {self.code!r}; add it to NOTICE_CODES and docs/reference/errors.md"
            )

    def as_dict(self) -> dict[str, str]:
        """Return the notice as the import object shows it."""
        return asdict(self)
