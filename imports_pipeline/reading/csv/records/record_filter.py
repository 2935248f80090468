"""An interface to leave out plain records before their cells are read."""

from __future__ import annotations

from typing import Protocol

from imports_pipeline.reading.csv.records.structural_index import Flags
from imports_pipeline.reading.detection.encodings import Offsets


class RecordFilter(Protocol):
    """Decides which plain records of a block become rows.

    Attributes:
        enough: True if no block after the last one needs to be read.
    """

    enough: bool

    def kept(
        self, data: bytes, starts: Offsets, ends: Offsets, line: Offsets, byte_offset: Offsets
    ) -> Flags | None:
        """Return which records are kept, or ``None`` for all. The blocks come in the order of the file.

        Args:
            data: The block.
            starts: The offsets of the plain records in the block.
            ends: Their ends, after the line end.
            line: The physical line of each.
            byte_offset: The offset of each in the original file.
        """
        ...
