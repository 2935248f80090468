"""The part file and the line in it of a line of the upload, for an upload that was joined from several files."""

from __future__ import annotations

import json
from typing import Final

import numpy as np
import pyarrow as pa

from imports_pipeline.model.files import PARTS, Files

#: The columns that the errors CSV of such an upload has in addition.
PART_COLUMNS: Final = ("_file", "_file_line")


class PartLines:
    """The lines of an upload by part, as written to ``model.files.PARTS`` when the parts were fetched."""

    def __init__(self, parts: list[dict[str, int | str]]) -> None:
        """Keep the parts that have lines, in order of line."""
        there = [part for part in parts if part["lines"]]
        self._first = np.array([part["first_line"] for part in there], np.int64)
        self._left_out = np.array([part["left_out"] for part in there], np.int64)
        self._uris = pa.array([str(part["uri"]) for part in there], pa.string())

    @classmethod
    def read(cls, files: Files) -> PartLines | None:
        """Read the lines from the import's folder; return ``None`` if the upload was one file."""
        try:
            with files.open_read(PARTS) as file:
                return cls(json.load(file))
        except FileNotFoundError:
            return None

    def places(self, line: np.ndarray) -> tuple[pa.Array, pa.Array]:
        """Return for each line the URI of its part, and the line in the part as text."""
        part = np.searchsorted(self._first, line, "right") - 1
        within = line - self._first[part] + 1 + self._left_out[part]
        return self._uris.take(pa.array(part)), pa.array(within).cast(pa.string())
