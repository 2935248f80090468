"""Names the encoding of a file from a sample of its bytes, or says that it is no text.

Signatures first, then what leaves no doubt (UTF-16 by its NULs, UTF-8 by its form); between Windows-1252 and
Mac Roman, which both read any bytes, decides which of the two makes words of them.
"""

from __future__ import annotations

import codecs
import re
from itertools import islice
from typing import BinaryIO, Final

from imports_pipeline.reading.encodings import SIGNATURES
from imports_pipeline.reading.options import NotATable

#: First bytes of files that people upload by mistake.
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
#: Up to here a file is searched for its first byte beyond ASCII (fractions of a second).
_SEARCHED_BYTES: Final = 256 * 1024 * 1024
_CHUNK_BYTES: Final = 1024 * 1024
_SAMPLE_BYTES: Final = 256 * 1024
#: Bytes beyond ASCII from which on too few plausible ones say that the encoding is another.
_ENOUGH: Final = 8
#: Bytes beyond ASCII that are scored at most; more do not change the answer.
_SCORED: Final = 4000


def telling_sample(source: BinaryIO, head: bytes) -> bytes:
    """Give ``head``, or, if it is all ASCII, a later stretch of the file that is not."""
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


def guess_encoding(sample: bytes, whole: bool) -> str:
    """Name the encoding of a file from ``sample``; ``whole`` says that the sample ends with the file.

    Raises ``NotATable`` if the sample is no text, or text in none of the encodings that are found by
    themselves.
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
        raise NotATable("not_a_table", "The file is no text: save it as CSV or XLSX and upload that.")
    if not faulty or valid >= 4 * len(faulty):
        return "utf-8"
    windows, mac = _plausible(sample, "cp1252"), _plausible(sample, "mac_roman")
    high = min(_SCORED, len(sample) - len(sample.translate(None, bytes(range(128, 256)))))
    if max(windows, mac) <= 0 and high < _ENOUGH:
        # A few bytes that make sense in no encoding: damage in a file of ASCII, which is UTF-8.
        return "utf-8"
    if max(windows, mac) < 0.5 * high and high >= _ENOUGH:
        raise NotATable(
            "undecodable_file",
            "The file's encoding is not clear: save it as UTF-8, or name its encoding"
            + _suggestion(sample)
            + ".",
        )
    return "mac-roman" if mac > windows else "windows-1252"


def _utf16(sample: bytes) -> str:
    """Name UTF-16 without a signature: NULs on one side of the byte pairs only, and text when decoded."""
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
    """Count characters of several bytes, and give the places that are not UTF-8."""
    faulty: list[int] = []

    def note(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeDecodeError)
        faulty.append(error.start)
        return "", error.end

    codecs.register_error("imports_pipeline.note_sample", note)
    text = codecs.getincrementaldecoder("utf-8")("imports_pipeline.note_sample").decode(sample, whole)
    return sum(1 for _ in re.finditer(r"[^\x00-\x7f]", text)), faulty


_HIGH: Final = re.compile(r"[^\x00-\x7f]")
_OPENING, _CLOSING = "“‘«‚„¿¡", "”’»…™®©"


def _plausible(sample: bytes, codec: str) -> float:
    """Score how much the bytes beyond ASCII make sense: +1 for each that does, less for each that does not."""
    text = sample.decode(codec, "replace")
    score = 0.0
    for match in islice(_HIGH.finditer(text), _SCORED):
        at = match.start()
        before, after = text[at - 1 : at] or " ", text[at + 1 : at + 2] or " "
        score += _fits(match[0], before, after)
    return score


def _fits(character: str, before: str, after: str) -> float:
    """Score one character beyond ASCII between its neighbours."""
    plain = (before.isascii() and before.isalpha(), after.isascii() and after.isalpha())
    if character == "\ufffd":
        return -2
    if character.isalpha() and character not in "ªºƒµΩπ∂∆":
        if character in "ÿþðÞÐ" or not any(plain):
            # Letters beyond ASCII among themselves: more likely another alphabet read wrongly.
            alone = not before.isalpha() and not after.isalpha()
            return 0.2 if alone and character.islower() and character not in "ÿþð" else -0.5
        if character.isupper() and before.islower():
            return -1
        return 1
    if character in _OPENING:
        return 1 if after.isalnum() and not before.isalnum() else 0.5 if character == "‘" else -0.5
    if character in _CLOSING:
        return 1 if before.isalnum() or before in ".,!?" else -0.5
    if character in "–—•·\u00a0":
        return 0.8 if not before.isalpha() or not after.isalpha() or character in "–—" else -0.2
    if character in "€£¥":
        return 1 if after.isdigit() or before in " 0123456789" else -0.3
    if character in "°²³½¼¾±×§ºª":
        return 0.8 if before in " 0123456789m" or after in " 0123456789" else -0.5
    return -1 if any(plain) else -0.3


def _suggestion(sample: bytes) -> str:
    """Name what the text may be, for the message only."""
    from charset_normalizer import from_bytes

    best = from_bytes(sample[:16_384]).best()
    return f" (it may be {best.encoding.replace('_', '-')})" if best is not None else ""
