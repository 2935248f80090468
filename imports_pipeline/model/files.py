"""The names of an import's files, the interface of its folder, and the properties of a stored file."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol

UPLOAD: Final = "upload"
#: The upload as JSON: one object a row.
UPLOAD_JSON: Final = "upload.json"
#: The lines of the upload that came from each part file, if there were several.
PARTS: Final = "parts.json"
ROWS: Final = "rows.parquet"
REJECTED_ROWS: Final = "rejected_rows.parquet"
#: invalid cells that were left out of accepted rows
LEFT_OUT: Final = "left_out.parquet"
ITEMS: Final = "items.parquet"
REFERENCES: Final = "references.parquet"
#: groups that the rows of contacts name and that the import creates
NEW_GROUPS: Final = "new_groups.parquet"
PROTECTED: Final = "protected.parquet"
ERRORS_CSV: Final = "errors.csv"
ERRORS_JSON: Final = "errors.json"
#: The errors file as a workbook; it is made when somebody asks for it.
ERRORS_XLSX: Final = "errors.xlsx"
RESULT_JSON: Final = "result.json"
PLAN_CSV: Final = "plan.csv"
PLAN_JSON: Final = "plan.json"
#: The places of the entries of ``plan.json`` and ``errors.json``, made when a page of them is read.
PLAN_INDEX: Final = "plan.index.parquet"
ERRORS_INDEX: Final = "errors.index.parquet"
#: The rows of the file that a memory knows. The records that it may not name: those of the memory's other rows, and
#: what was written since.
REMEMBERED: Final = "memory/remembered.parquet"
LEFT_OUT_RECORDS: Final = "memory/left_out.parquet"
WRITTEN_SINCE: Final = "memory/written_since.parquet"
#: The fingerprints of the rows that were read, by line; the memory that is made from them when the import completes.
FINGERPRINTS: Final = "memory/fingerprints.parquet"
NEW_ROWS: Final = "memory/new.parquet"
#: The first records, by name, that an overwrite would remove, for the people who review the import.
REMOVALS: Final = "removals.json"


def rejections(phase: str) -> str:
    """Return the name of the file with the rows that ``phase`` rejected."""
    return f"rejections/{phase}.parquet"


def part(name: str, number: int) -> str:
    """Return the name of a file of one part of a large upload; ``name`` is the name for a whole upload."""
    return f"by_part/{number}/{name}"


@dataclass(frozen=True)
class StoredFile:
    """A file of the store as a listing shows it."""

    key: str
    #: The size in bytes.
    size: int
    #: A value that changes with the content: the ETag on S3; inode, time and size in a local folder.
    version: str
    #: The time of the last change in epoch seconds.
    modified: float


class Files(Protocol):
    """The folder of one import in the file store."""

    def open_read(self, name: str) -> BinaryIO:
        """Open a file for reading; seekable. Raises ``FileNotFoundError``."""
        ...

    def open_write(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open a file for writing. It becomes visible if the block ends without error."""
        ...

    def exists(self, name: str) -> bool:
        """Return True if the file exists."""
        ...

    def delete(self, name: str) -> None:
        """Remove the file if it exists."""
        ...
