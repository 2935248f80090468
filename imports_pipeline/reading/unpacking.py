"""Limits of the unpacked size of a file: gzip, zip, and the XML of a workbook.

A few megabytes of gzip can contain gigabytes of one repeated row, which would keep a process busy for minutes. CSV text
packs to between a third and a twentieth of its size, the XML of a workbook to between a tenth and a fiftieth. A file
that unpacks to more than a hundred times its size was made to do so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# A file may unpack to this size whatever its ratio, because reading it takes about a second.
_ALLOWED_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True)
class UnpackingLimits:
    """The limits of a file's unpacked size, and the error of a file that exceeds them.

    Attributes:
        bytes: The limit for text.
        xml_bytes: The limit for all parts of a workbook together. It is lower because a sheet is held in memory.
        ratio: The limit as a multiple of the packed size.
        code: The error's code, one of ``IMPORT_CODES``.
        advice: The end of the sentence "The gzip file unpacks to more than 64 bytes, which is too much: …".
    """

    bytes: int = 10 * 1024**3
    xml_bytes: int = 1024**3
    ratio: int = 100
    code: str = "too_large_unpacked"
    advice: str = "split it into several files"

    def limit(self, packed: int, *, xml: bool = False) -> int:
        """Return the number of bytes to which a file of ``packed`` bytes may unpack."""
        return min(self.xml_bytes if xml else self.bytes, max(_ALLOWED_BYTES, self.ratio * packed))

    def reason(self, kind: str, limit: int) -> str:
        """Return the error's sentence for a file of this kind (``gzip``) that unpacks to more than ``limit`` bytes."""
        over = f"The {kind} file unpacks to more than {limit:,} bytes"
        if limit in (self.bytes, self.xml_bytes):
            return f"{over}, which is too much: {self.advice}."
        return (
            f"{over}, which is over {self.ratio:,} times its size: send it as a CSV file that is not packed."
        )


#: The limits that apply if the settings name no others.
DEFAULT_UNPACKING: Final = UnpackingLimits()
