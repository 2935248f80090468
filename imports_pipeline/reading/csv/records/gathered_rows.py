"""Gathers the few rows that a filter keeps of each block, so that they are parsed together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from imports_pipeline.reading.detection.encodings import Offsets
from imports_pipeline.reading.records import MalformedRecords


class Rows(NamedTuple):
    """Rows whose cells are not parsed yet, and the malformed records among and after them.

    Attributes:
        pieces: Their bytes, in file order.
        line: The physical line of each row.
        byte_offset: The offset of each row in the original file.
        malformed: The malformed records.
    """

    pieces: Sequence[memoryview | bytes]
    line: Offsets
    byte_offset: Offsets
    malformed: MalformedRecords


class GatheredRows:
    """The rows of the last blocks that are too few to be parsed by themselves."""

    def __init__(self, enough: int) -> None:
        """Begin with none; ``enough`` rows are parsed together."""
        self._enough = enough
        self._gathered: list[Rows] = []

    def add(self, rows: Rows) -> Rows | None:
        """Add the rows of the next block; return all that were gathered if they are enough, else ``None``."""
        count = sum(len(one.line) for one in (*self._gathered, rows))
        # Malformed records have their place among the rows of their own block.
        if rows.malformed or count >= self._enough:
            return self._joined(rows)
        # The block is not kept for a few of its bytes.
        self._gathered.append(rows._replace(pieces=[b"".join(rows.pieces)]))
        return None

    def rest(self) -> Rows | None:
        """Return the rows that are left, if there are any."""
        return self._joined(self._gathered.pop()) if self._gathered else None

    def _joined(self, last: Rows) -> Rows:
        if not self._gathered:
            return last
        every, self._gathered = [*self._gathered, last], []
        return Rows(
            [piece for one in every for piece in one.pieces],
            np.concatenate([one.line for one in every]),
            np.concatenate([one.byte_offset for one in every]),
            last.malformed,
        )
