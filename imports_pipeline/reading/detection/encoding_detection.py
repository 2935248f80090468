"""Detects the encoding of a file from a sample of its bytes, or refuses a file that is not text.

Signatures (byte-order marks) are checked first, then encodings that are certain: UTF-16 by its NULs, UTF-8 by its form.
Any bytes are valid in all 8-bit encodings, so ``code_pages`` decides between these by the words that result.
"""

from __future__ import annotations

import codecs
import re
from typing import BinaryIO, Final

from imports_pipeline.reading.detection.code_pages import Words, code_page
from imports_pipeline.reading.detection.encodings import SIGNATURES, UTF8_RUNS
from imports_pipeline.reading.detection.other_scripts import other_script
from imports_pipeline.reading.options import NotATable

# The first bytes of other kinds of files that people upload by mistake.
_KNOWN_BINARY: Final = (
    (b"\xd0\xcf\x11\xe0", "an old Excel (XLS) or a password-protected workbook"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "a database"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"\x7fELF", "a program"),
)
_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b")) + b"\x7f"
# How much of a file is searched for its first byte that is not ASCII. 256 MiB take a fraction of a second.
_SEARCHED_BYTES: Final = 256 * 1024 * 1024
_CHUNK_BYTES: Final = 1024 * 1024
_SAMPLE_BYTES: Final = 256 * 1024
# A file with fewer bytes beyond ASCII than this, none of which makes sense, is a damaged ASCII file.
_ENOUGH: Final = 8
_HIGH: Final = bytes(range(0x80, 0x100))


def non_ascii_sample(source: BinaryIO, head: bytes) -> bytes:
    """Return ``head``, or, if it is all ASCII, a later part of the file that is not."""
    if not head.isascii() or b"\0" in head:
        return head
    place = len(head)
    while place < _SEARCHED_BYTES:
        source.seek(place)
        chunk = source.read(_CHUNK_BYTES)
        if not chunk:
            break
        if not chunk.isascii():
            at = next(match.start() for match in re.finditer(rb"[\x80-\xff]", chunk))
            source.seek(max(place + at - 1024, 0))
            sample = source.read(_SAMPLE_BYTES)
            return sample[sample.find(b"\n") + 1 :]
        place += len(chunk)
    return head


def detect_encoding(
    sample: bytes, whole: bool, source: BinaryIO | None = None, *, at_start: bool = False
) -> str:
    """Return the encoding of a file.

    Args:
        sample: Bytes of the file.
        whole: Whether the sample ends where the file ends.
        source: The file. The words of all of it decide between 8-bit encodings; without it, those of the sample.
        at_start: Whether the sample begins where the file begins, so that a message can name the line of a NUL.

    Raises:
        NotATable: The sample is not text, its encoding cannot be detected, or two encodings cannot be told apart.
    """
    for mark, name in SIGNATURES:
        if sample.startswith(mark):
            return name
    for mark, what in _KNOWN_BINARY:
        if sample.startswith(mark):
            raise NotATable("not_a_table", f"The file is {what}: save it as CSV or XLSX and upload that.")
    if wide := _utf16(sample):
        return wide
    valid, faulty = _utf8(sample, whole)
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    if controls > len(sample) * (0.3 if not faulty else 0.03) and controls > 2:
        _check_nuls(sample, controls, at_start)
        raise NotATable("not_a_table", "The file is no text: save it as CSV or XLSX and upload that.")
    if not faulty:
        return "utf-8"
    if valid >= 4 * len(faulty) or _mostly_utf8(sample, len(faulty)):
        return "utf-8"
    words = Words()
    if source is None:
        words.add(sample)
    else:
        words.read(source)
    without_utf8 = [word for word in words.found() if not UTF8_RUNS.search(word)]
    if without_utf8 and (found := code_page(without_utf8, sample)):
        return found
    if len(sample) - len(sample.translate(None, _HIGH)) < _ENOUGH:
        # A few bytes that make sense in no encoding are damage in an ASCII file, which is UTF-8.
        return "utf-8"
    return other_script(sample)


def _mostly_utf8(sample: bytes, faulty: int) -> bool:
    """Return whether at least as many words are UTF-8 as bytes are not, as in files that mix two encodings."""
    return sum(1 for _ in UTF8_RUNS.finditer(sample)) >= faulty


def _check_nuls(sample: bytes, controls: int, at_start: bool) -> None:
    """Raise ``NotATable`` with the place of the first NUL if NULs are the only control characters of a text."""
    nuls = sample.count(0)
    if nuls < controls or nuls == len(sample):
        return
    first = sample.index(0)
    line = sample.count(b"\n", 0, first) + 1
    place = f", the first in line {line:,} (byte {first:,})" if at_start else ""
    raise NotATable(
        "not_a_table",
        f"The file holds {nuls:,} NUL bytes{place}: it was damaged, or it is no text. Remove them, or save it as CSV"
        " again.",
    )


def _utf16(sample: bytes) -> str:
    """Return the name of UTF-16 without a signature, or an empty text.

    Such bytes have NULs on one side of the byte pairs only, and decode to text.
    """
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    pairs = len(sample) // 2
    for name, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if zeros >= max(2, 0.02 * pairs) and others <= 0.02 * zeros:
            try:
                text = codecs.getincrementaldecoder(name)().decode(sample[: pairs * 2])
            except UnicodeDecodeError:
                text = ""
            if text and (zeros > 0.7 * pairs or text.isascii() or _mostly_printable(text)):
                return name
    return ""


def _mostly_printable(text: str) -> bool:
    printable = sum(1 for character in text[:5000] if character.isprintable() or character in "\t\r\n")
    return printable > 0.95 * len(text[:5000])


def _utf8(sample: bytes, whole: bool) -> tuple[int, list[int]]:
    """Return the number of characters of several bytes, and the places that are not UTF-8."""
    faulty: list[int] = []

    def note(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeDecodeError)
        faulty.append(error.start)
        return "", error.end

    codecs.register_error("imports_pipeline.note_sample", note)
    text = codecs.getincrementaldecoder("utf-8")("imports_pipeline.note_sample").decode(sample, whole)
    return sum(1 for _ in re.finditer(r"[^\x00-\x7f]", text)), faulty
