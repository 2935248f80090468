"""How many bytes a packed file may unpack to: gzip, zip, and the XML of a workbook.

A few megabytes of gzip can hold gigabytes of one repeated row, which would keep a process busy for minutes. CSV text
packs to between a third and a twentieth of its size, the XML of a workbook to between a tenth and a fiftieth. What
unpacks to more than a hundred times its size was made to do so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Up to here a file may unpack to any multiple of its size: to read so much takes about a second.
_FREE_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True)
class UnpackingLimits:
    """The most bytes that a file may unpack to, and what to say of one that unpacks to more.

    ``bytes`` holds for text, ``xml_bytes`` for all parts of a workbook together: a workbook's reader holds a sheet in
    memory. ``ratio`` is how many times its own size a file may unpack to. ``code`` is one of ``IMPORT_CODES``, and
    ``advice`` completes the sentence "The gzip file unpacks to more than 64 bytes, which is too much: …".
    """

    bytes: int = 10 * 1024**3
    xml_bytes: int = 1024**3
    ratio: int = 100
    code: str = "too_large_unpacked"
    advice: str = "split it into several files"

    def limit(self, packed: int, *, xml: bool = False) -> int:
        """Return how many bytes a file of ``packed`` bytes may unpack to."""
        return min(self.xml_bytes if xml else self.bytes, max(_FREE_BYTES, self.ratio * packed))

    def reason(self, kind: str, limit: int) -> str:
        """Return the sentence about a file of this kind (``gzip``) that unpacks to more than ``limit`` bytes."""
        over = f"The {kind} file unpacks to more than {limit:,} bytes"
        if limit in (self.bytes, self.xml_bytes):
            return f"{over}, which is too much: {self.advice}."
        return (
            f"{over}, which is over {self.ratio:,} times its size: send it as a CSV file that is not packed."
        )


#: What a file may unpack to where nothing else is said.
DEFAULT_UNPACKING: Final = UnpackingLimits()
