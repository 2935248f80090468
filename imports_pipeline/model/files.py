"""Files as the rest sees them: the folder of one import, written whole or not at all, and a stored file's facts."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol

UPLOAD: Final = "upload"
#: the upload as JSON: one object a row
UPLOAD_JSON: Final = "upload.json"
#: which lines of the upload came from which part file, where there were several
PARTS: Final = "parts.json"
ROWS: Final = "rows.parquet"
REJECTED_ROWS: Final = "rejected_rows.parquet"
ITEMS: Final = "items.parquet"
REFERENCES: Final = "references.parquet"
PROTECTED: Final = "protected.parquet"
ERRORS_CSV: Final = "errors.csv"
ERRORS_JSON: Final = "errors.json"
RESULT_JSON: Final = "result.json"
PLAN_CSV: Final = "plan.csv"
PLAN_JSON: Final = "plan.json"
#: The first records by name that an overwrite removes, for whoever looks at the import.
REMOVALS: Final = "removals.json"


def rejections(phase: str) -> str:
    """Name the file of the rows that ``phase`` rejected."""
    return f"rejections/{phase}.parquet"


def part(name: str, number: int) -> str:
    """Name what a part of a large upload left, where the whole upload's would be called ``name``."""
    return f"by_part/{number}/{name}"


@dataclass(frozen=True)
class StoredFile:
    """A file of the store as a listing shows it."""

    key: str
    #: bytes
    size: int
    #: another content has another version: the ETag on S3; inode, time and size in a local folder
    version: str
    #: epoch seconds
    modified: float


class Files(Protocol):
    """The folder of one import in the file store."""

    def open_read(self, name: str) -> BinaryIO:
        """Open a file for reading; seekable. Raises ``FileNotFoundError``."""
        ...

    def open_write(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open a file for writing; it appears under its name only when the block ends without an error."""
        ...

    def exists(self, name: str) -> bool:
        """Return whether the file is there."""
        ...

    def delete(self, name: str) -> None:
        """Remove the file if it is there."""
        ...
