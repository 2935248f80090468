"""What the first cells of a column look like, for rules that a header alone cannot decide."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.model import ids
from imports_pipeline.schemas.cells import trimmed
from imports_pipeline.schemas.column_mapping.families.several_values import several_emails

_OURS: Final = (
    rf"""(?i)^[\s='"]*(?:{"|".join((ids.CONTACT, ids.GROUP, ids.LOCATION, ids.IMPORT, ids.BATCH))})_"""
)
_EMAIL: Final = r"[^\s@]+@[^\s@]+\.[^\s@]+"
_PHONE: Final = r"^'?(?:tel:)?\+?[0-9(][0-9 ()./\-\x{2010}-\x{2015}]*(?:\s*(?:x|ext\.?)\s*[0-9]+)?$"
_LEAST_DIGITS: Final = 7
# The number of cells that a line has which is a title or a sum.
_OF_A_TITLE: Final = 2
# An id of another system: one word, with a digit or of some length.
_ID: Final = r"^'?[\w.:@/\-]{1,64}$"
_DATE: Final = (
    r"^(?:[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2,4})(?:[T ].*)?$"
)
_NAME: Final = r"^\p{Lu}[\p{L}.'\-]*(?: [\p{L}.'\-]+)+$"
# What other products write between the items of a list; a comma is our own.
_LIST_SEPARATORS: Final = (":::", "|", ";", "\n")
_BOOLEAN: Final = r"(?i)^(?:true|yes|y|t|1|on|false|no|n|f|0|off)$"


@dataclass(frozen=True)
class KnownCells:
    """What is known of the cells below the sample, by position of the column.

    Attributes:
        several_emails: Columns with cells that hold several email addresses; ``None`` if no cell is to be split.
        our_ids: Columns with ids of this system.
        filled: Columns in which a cell is filled in.
    """

    several_emails: frozenset[int] | None = frozenset()
    our_ids: frozenset[int] = frozenset()
    filled: frozenset[int] = frozenset()

    def __or__(self, other: KnownCells) -> KnownCells:
        """Return what is known by both."""
        several = (self.several_emails or frozenset()) | (other.several_emails or frozenset())
        return KnownCells(several, self.our_ids | other.our_ids, self.filled | other.filled)


#: Nothing is known of the cells below the sample.
NOTHING_KNOWN: Final = KnownCells()


def our_ids(cells: pa.Array) -> pa.Array:
    """Return for each cell whether it is, or was meant as, an id that this system made."""
    return pc.match_substring_regex(cells, _OURS)


@dataclass(frozen=True)
class Sample:
    """The first rows of a file; without any (``cells`` is ``None``) nothing is known of its columns."""

    cells: pa.RecordBatch | None = None
    known: KnownCells = NOTHING_KNOWN

    def filled(self, position: int) -> pa.Array:
        """Return the cells of a column that are not blank."""
        if self.cells is None:
            return pa.array([], pa.string())
        return trimmed(self.cells.column(position)).drop_null()

    def is_blank(self, position: int) -> bool:
        """Return whether there are rows, and none of them fills in a column as far as is known."""
        return self.cells is not None and position not in self.known.filled and not len(self.filled(position))

    def share(self, position: int, pattern: str) -> float:
        """Return the share of filled-in cells that match a pattern; 0 where none is filled in."""
        cells = self.filled(position)
        matches = pc.sum(pc.match_substring_regex(cells, pattern)).as_py() or 0
        return matches / len(cells) if len(cells) else 0.0

    def agree(self, positions: Sequence[int]) -> bool:
        """Return whether there are rows, and none of them has different cells in these columns."""
        if self.cells is None or not self.cells.num_rows:
            return False
        columns = [trimmed(self.cells.column(at)) for at in positions]
        both = [pc.fill_null(pc.equal(one, columns[0]), True) for one in columns[1:]]
        return all(pc.all(same, min_count=0).as_py() for same in both)

    def has_our_ids(self, position: int) -> bool:
        """Return whether a cell is, or was meant as, an id that this system made."""
        return position in self.known.our_ids or self.share(position, _OURS) > 0

    def has_emails(self, position: int) -> bool:
        """Return whether most cells hold an email address."""
        return self.share(position, _EMAIL) > 0.5

    def has_only_emails(self, position: int) -> bool:
        """Return whether every filled-in cell is an email address."""
        return self.share(position, f"^{_EMAIL}$") == 1

    def has_phones(self, position: int) -> bool:
        """Return whether most cells look like phone numbers."""
        cells = self.filled(position)
        if not len(cells):
            return False
        digits = pc.utf8_length(pc.replace_substring_regex(cells, r"\D", ""))
        enough = pc.sum(pc.greater_equal(digits, _LEAST_DIGITS)).as_py() or 0
        return self.share(position, _PHONE) > 0.5 and enough / len(cells) > 0.5

    def has_dates(self, position: int) -> bool:
        """Return whether most cells look like dates or times, which have as many digits as phone numbers."""
        return self.share(position, _DATE) > 0.5

    def has_names(self, position: int) -> bool:
        """Return whether most cells are two or more words of letters."""
        return self.share(position, _NAME) > 0.5

    def has_ids(self, position: int) -> bool:
        """Return whether the cells are distinct single words, as ids are."""
        cells = self.filled(position)
        return (
            len(cells) > 0
            and self.share(position, _ID) == 1
            and pc.count_distinct(cells).as_py() == len(cells)
        )

    def has_an_id_in_each_row(self, position: int) -> bool:
        """Return whether the cells look like ids and none of them is blank, but for rows that are blank altogether."""
        if self.cells is None or not self.has_ids(position):
            return False
        filled = [trimmed(column).is_valid().to_numpy(zero_copy_only=False) for column in self.cells.columns]
        # A title or a sum in the midst of a file has a cell or two.
        rows = np.add.reduce(filled) > _OF_A_TITLE
        return bool(filled[position][rows].all())

    def has_booleans(self, position: int) -> bool:
        """Return whether a cell is a yes or a no."""
        return self.share(position, _BOOLEAN) > 0

    def has_only_booleans(self, position: int) -> bool:
        """Return whether every filled-in cell is a yes or a no."""
        return self.share(position, _BOOLEAN) == 1

    def separators_of_list(self, position: int) -> tuple[str, ...]:
        """Return the text between the items of a column's lists; empty where they are as this project writes them."""
        found = [text for text in _LIST_SEPARATORS if self.share(position, re.escape(text)) > 0]
        return (found[0],) if found else ()

    def may_be(self, kind: str, position: int) -> bool:
        """Return whether the cells of a column can be values of a kind; blank ones can."""
        cells = self.filled(position)
        if not len(cells):
            return True
        if kind == "email":
            return self.share(position, "@") > 0
        if kind == "phone":
            return self.share(position, "[0-9].*[0-9].*[0-9].*[0-9].*[0-9]") > 0
        return True

    def has_several_emails(self, position: int) -> bool:
        """Return whether a cell holds several email addresses."""
        if self.known.several_emails is None:
            return False
        return position in self.known.several_emails or bool(np.any(several_emails(self.filled(position))))

    def has_json(self, position: int) -> bool:
        """Return whether cells are JSON lists or objects."""
        return self.share(position, r"(?s)^(?:\[.*\]|\{.*\})$") > 0
