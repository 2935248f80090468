"""Where in which part file a line of the upload stands, when the upload was put together from several."""

from __future__ import annotations

import json
from typing import Final

import numpy as np
import pyarrow as pa

from imports_pipeline.model.files import PARTS, Files

#: What an errors CSV of such an upload adds to the other columns.
PART_COLUMNS: Final = ("_file", "_file_line")


class PartLines:
    """The lines of an upload by part; ``files.PARTS`` is written when the parts are fetched."""

    def __init__(self, parts: list[dict[str, int | str]]) -> None:
        """Keep what has lines of the parts, in order of line."""
        there = [part for part in parts if part["lines"]]
        self._first = np.array([part["first_line"] for part in there], np.int64)
        self._left_out = np.array([part["left_out"] for part in there], np.int64)
        self._uris = pa.array([str(part["uri"]) for part in there], pa.string())

    @classmethod
    def read(cls, files: Files) -> PartLines | None:
        """Read them from the import's folder; nothing when the upload was one file."""
        try:
            with files.open_read(PARTS) as file:
                return cls(json.load(file))
        except FileNotFoundError:
            return None

    def places(self, line: np.ndarray) -> tuple[pa.Array, pa.Array]:
        """Return the URI of the part, and the line in it as text, for each of these lines."""
        part = np.searchsorted(self._first, line, "right") - 1
        within = line - self._first[part] + 1 + self._left_out[part]
        return self._uris.take(pa.array(part)), pa.array(within).cast(pa.string())
