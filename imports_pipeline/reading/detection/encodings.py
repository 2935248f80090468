"""Encodings: from the bytes of a file to UTF-8, and from places in that text back to places in the file.

Everything after this module works on UTF-8 and on offsets in it. Undecodable bytes become *marks*, one mark for each
unit of the encoding, so that offsets in the file stay exact. A byte ``b`` of a single-byte or East Asian encoding
becomes U+10FF00 + ``b``; these encodings have no such code points (private use). A lone surrogate of UTF-16 or UTF-32
becomes U+FDD0, a noncharacter. A record that holds a mark is reported as ``undecodable_bytes``. A file in UTF-8 is not
decoded; its undecodable bytes are found by validation.
"""

from __future__ import annotations

import codecs
import re
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from imports_pipeline.reading.options import NotATable

# Letters and signs that are written in UTF-8 inside a file of an 8-bit encoding, in which they would read "Ã¼" or
# "â€™"; no name holds such text. The pattern has Latin letters up to U+017F, Romanian letters, signs at the edge of a
# word or in "don’t", and two or more letters of another script that stand alone. It leaves out what Windows-1250 could
# mean by the same bytes: "SPÓŁKA" holds the bytes of one Cyrillic letter, and "RĂŞINARI" those of "ê".
_UTF8_LATIN: Final = (
    rb"\xc3[\x80-\x96\x98-\x9f]|\xc3[\xa0-\xb6\xb8-\xbf](?![A-Z])|[\xc4\xc5][\x80-\xbf]|\xc8[\x98-\x9b]|\xe1[\xb8-\xbb][\x80-\xbf]"
    rb"|\xe2\x80[\x98-\x9e\xa6]|\xe2\x80[\x93\x94]|\xe2\x82\xac"
)
_UTF8_OTHER: Final = rb"[\xc2\xcc-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
UTF8_RUNS: Final = re.compile(
    rb"(?<![\x80-\xff])(?:(?:%s)+|(?<![A-Za-z])(?:%s|%s){2,}(?![A-Za-z]))(?![\x80-\xff])"
    % (_UTF8_LATIN, _UTF8_OTHER, _UTF8_LATIN)
)

Offsets = npt.NDArray[np.int64]
_BYTE_MARK: Final = 0x10FF00
_UNIT_MARK: Final = "\ufdd0"
_NONE: Final[Offsets] = np.zeros(0, np.int64)
# Signature (byte-order mark) and its encoding. UTF-32 comes before UTF-16, whose signature it begins with.
SIGNATURES: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Encodings with a state: a byte means different things after different bytes, so offsets cannot be kept.
_STATEFUL: Final = ("iso2022", "hz", "utf_7", "utf-7", "idna", "punycode", "escape", "undefined")


class Encoding(Protocol):
    """An encoding as a stream needs it. Offsets are places in the UTF-8 text unless they are called original."""

    name: str
    signature: int

    def decoder(self) -> codecs.IncrementalDecoder | None:
        """Return a new decoder that marks undecodable bytes, or ``None`` if the bytes are UTF-8 already."""

    def original_offsets(self, data: bytes, places: Offsets) -> Offsets:
        """Return, for each of ``places`` (ascending), the number of original bytes of ``data[:place]``."""

    def undecodable(self, data: bytes, complete: int) -> Offsets:
        """Return the offsets of undecodable bytes in ``data[:complete]``, ascending."""

    def to_text(self, piece: bytes) -> str:
        r"""Return a piece as text; an undecodable byte is ``\xNN``, a lone surrogate U+FFFD."""


def find_encoding(name: str, head: bytes) -> Encoding:
    """Return the encoding ``name``; ``head`` is the beginning of the file, which may have a signature.

    Raises:
        NotATable: Python has no codec of this name, or the encoding has a state.
    """
    try:
        known = codecs.lookup(name)
    except LookupError:
        raise NotATable(
            "undecodable_file",
            f"There is no encoding named {name!r}: name one such as utf-8 or windows-1252.",
        ) from None
    plain = known.name.replace("_", "-")
    if any(plain.startswith(word.replace("_", "-")) for word in _STATEFUL) or not _is_of_text(name):
        raise NotATable(
            "undecodable_file", f"Files in {name} cannot be read: save the file as UTF-8 and try again."
        )
    signature = next(((mark, stands) for mark, stands in SIGNATURES if head.startswith(mark)), (b"", ""))
    if plain in ("utf-8", "utf-8-sig"):
        marked = signature[1] == "utf-8-sig"
        return Utf8("utf-8-sig" if marked else "utf-8", 3 if marked else 0)
    if plain.startswith(("utf-16", "utf-32")):
        if plain in ("utf-16", "utf-32"):
            plain = signature[1] if signature[1].startswith(plain) else plain + "-le"
        return WideUnits(plain, len(signature[0]) if signature[1] == plain else 0)
    label = name.strip().lower().replace("_", "-")
    if _is_single_byte(known.name):
        return SingleByte(label, known.name)
    return MultiByte(label, known.name)


class Utf8:
    """UTF-8, read in place."""

    def __init__(self, name: str, signature: int) -> None:
        """Set the name to report and the length of the byte-order mark."""
        self.name, self.signature = name, signature

    def decoder(self) -> None:
        """Return ``None``: the bytes are UTF-8 already."""
        return

    def original_offsets(self, data: bytes, places: Offsets) -> Offsets:
        """Return the places unchanged."""
        del data
        return places

    def undecodable(self, data: bytes, complete: int) -> Offsets:
        """Return the offsets of undecodable bytes; Arrow validates the block, and only a faulty one is decoded."""
        sizes = np.array([0, complete], np.int64)
        buffers = [None, pa.py_buffer(sizes), pa.py_buffer(data)]
        try:
            pa.Array.from_buffers(pa.large_binary(), 1, buffers).cast(pa.large_string())
        except pa.ArrowInvalid:
            return _faulty(data[:complete])
        return _NONE

    def to_text(self, piece: bytes) -> str:
        """Return the piece as text."""
        return piece.decode("utf-8", "backslashreplace")


class _Transcoded:
    """An encoding that is decoded to UTF-8 first."""

    name: str
    _codec: str
    _errors: str
    _mark: re.Pattern[bytes]
    signature = 0

    def decoder(self) -> codecs.IncrementalDecoder:
        return codecs.getincrementaldecoder(self._codec)(self._errors)

    def undecodable(self, data: bytes, complete: int) -> Offsets:
        return np.array([match.start() for match in self._mark.finditer(data, 0, complete)], np.int64)

    def to_text(self, piece: bytes) -> str:
        text = piece.decode("utf-8")
        if self._mark.search(piece):
            text = re.sub(f"[{chr(_BYTE_MARK)}-{chr(_BYTE_MARK + 255)}]", _as_escape, text)
            text = text.replace(_UNIT_MARK, "\ufffd")
        return text


class WideUnits(_Transcoded):
    """UTF-16 and UTF-32, which have units of two or four bytes."""

    def __init__(self, name: str, signature: int) -> None:
        """Set the codec's name with its byte order, and the length of the byte-order mark."""
        self.name = self._codec = name
        self.signature = signature
        self._errors = "imports_pipeline.mark_units"
        self._mark = re.compile(_UNIT_MARK.encode())
        self._unit = 2 if name.startswith("utf-16") else 4

    def original_offsets(self, data: bytes, places: Offsets) -> Offsets:
        """Return offsets in bytes: a character is one unit, and in UTF-16 two units if it is beyond U+FFFF."""
        if data.isascii():
            return places * self._unit
        buffer = np.frombuffer(data, np.uint8)
        units = places - np.searchsorted(np.flatnonzero((buffer & 0xC0) == 0x80), places)
        if self._unit == 2:
            units += np.searchsorted(np.flatnonzero(buffer >= 0xF0), places)
        return units * self._unit


class SingleByte(_Transcoded):
    """An encoding with one byte for each character, such as Windows-1252, Mac Roman and ISO 8859.

    Words in UTF-8 are undecodable in it, so that a file with pasted rows of another file never yields "MÃ¼ller".
    """

    def __init__(self, name: str, codec: str) -> None:
        """Set the name to report and the codec's name."""
        self.name, self._codec = name, codec
        self._errors = "imports_pipeline.mark_bytes"
        self._mark = _BYTE_MARKS

    def decoder(self) -> codecs.IncrementalDecoder:
        """Return a decoder that also marks words in UTF-8."""
        return _SingleByteDecoder(self._codec)

    def original_offsets(self, data: bytes, places: Offsets) -> Offsets:
        """Return offsets in bytes, which is the number of characters."""
        if data.isascii():
            return places
        buffer = np.frombuffer(data, np.uint8)
        return places - np.searchsorted(np.flatnonzero((buffer & 0xC0) == 0x80), places)


class _SingleByteDecoder(codecs.IncrementalDecoder):
    """A decoder of a single-byte encoding that marks undecodable bytes and words in UTF-8."""

    def __init__(self, codec: str) -> None:
        super().__init__("imports_pipeline.mark_bytes")
        self._codec = codec
        self._held = b""

    def decode(self, data: bytes, final: bool = False) -> str:  # type: ignore[override]
        """Return the text up to the last ASCII character that is not a letter; what follows may be half a word."""
        data = self._held + bytes(data)
        end = len(data)
        if not final:
            # A run of letters longer than _HELD_BYTES is not a word, and is decoded at once.
            tail = data[-_HELD_BYTES:]
            end -= len(tail) - len(tail.rstrip(_IN_WORDS)) if tail.rstrip(_IN_WORDS) else 0
        self._held, data = data[end:], data[:end]
        text = data.decode(self._codec, self.errors)
        if data.isascii() or not (runs := list(UTF8_RUNS.finditer(data))):
            return text
        pieces, done = [], 0
        for run in runs:
            pieces += [text[done : run.start()], *(chr(_BYTE_MARK + byte) for byte in run[0])]
            done = run.end()
        return "".join([*pieces, text[done:]])

    def reset(self) -> None:
        """Remove the bytes that were held back."""
        self._held = b""


# The bytes of words in which UTF-8 is looked for, and how many of them are held back at the end of a block.
_IN_WORDS: Final = bytes(byte for byte in range(256) if byte >= 0x80 or chr(byte).isalpha())
_HELD_BYTES: Final = 256


class MultiByte(_Transcoded):
    """An East Asian encoding without shift states. Its offsets are found by encoding the text again, which is slow."""

    def __init__(self, name: str, codec: str) -> None:
        """Set the name to report and the codec's name."""
        self.name, self._codec = name, codec
        self._errors = "imports_pipeline.mark_bytes"
        self._mark = _BYTE_MARKS

    def original_offsets(self, data: bytes, places: Offsets) -> Offsets:
        """Return offsets in bytes: the text between the places is encoded again, and the lengths are added up."""
        lengths, before = [], 0
        for place in places.tolist():
            piece = data[before:place].decode("utf-8")
            lengths.append(len(piece.encode(self._codec, "imports_pipeline.unmark_bytes")))
            before = place
        return np.cumsum(np.array(lengths, np.int64)) if lengths else _NONE


_BYTE_MARKS: Final = re.compile(b"\xf4\x8f[\xbc-\xbf][\x80-\xbf]")


def _is_of_text(name: str) -> bool:
    """Return whether a codec decodes to text; Python also has codecs such as ``hex`` and ``rot13``."""
    try:
        b"".decode(name)
    except LookupError:
        return False
    return True


def _is_single_byte(codec: str) -> bool:
    """Return whether each byte alone is a character, or undecodable."""
    for value in range(256):
        try:
            if len(bytes([value]).decode(codec)) != 1:
                return False
        except UnicodeDecodeError as error:
            if "incomplete" in error.reason or "unexpected end" in error.reason:
                return False
    return True


def _faulty(data: bytes) -> Offsets:
    """Return the offsets of the bytes that are not UTF-8."""
    places: list[int] = []

    def note(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeDecodeError)
        places.append(error.start)
        return "", error.end

    codecs.register_error("imports_pipeline.note", note)
    data.decode("utf-8", "imports_pipeline.note")
    return np.array(places, np.int64)


def _as_escape(match: re.Match[str]) -> str:
    return f"\\x{ord(match[0]) - _BYTE_MARK:02x}"


def _mark_bytes(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(_BYTE_MARK + byte) for byte in error.object[error.start : error.end]), error.end


def _unmark_bytes(error: UnicodeError) -> tuple[bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    return bytes(ord(mark) & 0xFF for mark in error.object[error.start : error.end]), error.end


def _mark_units(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    unit = 4 if "32" in error.encoding else 2
    return _UNIT_MARK * -(-(error.end - error.start) // unit), error.end


codecs.register_error("imports_pipeline.mark_bytes", _mark_bytes)
codecs.register_error("imports_pipeline.unmark_bytes", _unmark_bytes)
codecs.register_error("imports_pipeline.mark_units", _mark_units)
