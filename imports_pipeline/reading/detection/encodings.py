"""Bytes of any encoding to UTF-8 and back to their places: what a stream needs to know of an encoding.

Everything after this module works on UTF-8 and on offsets in it. Bytes that are no text become *marks*, one
for each unit of the encoding, so that offsets in the original stay exact: a byte ``b`` of a single-byte or
East Asian encoding becomes U+10FF00 + ``b``, a lone surrogate of UTF-16 or UTF-32 becomes U+FDD0 (both are
code points no one writes: private use that those encodings do not have, and a noncharacter). A record that
holds one is reported as ``undecodable_bytes``. UTF-8 stays as it is, and its faulty bytes are looked for.
"""

from __future__ import annotations

import codecs
import re
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from imports_pipeline.reading.options import NotATable

# Letters and signs beyond ASCII that are written in UTF-8, between ASCII characters: in an 8-bit encoding they would
# be such as "Ã¼" or "â€™", which no name holds. Letters up to U+017F and Romanian ones, signs at the edge of a word
# and in "don’t"; and two letters or more of another script that stand by themselves. In capitals of Windows-1250,
# "SPÓŁKA" holds bytes that could be one Cyrillic letter, and "RĂŞINARI" ones that could be "ê": so neither counts.
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
#: (signature, encoding it stands for), longest first where one begins with another.
SIGNATURES: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: Encodings whose bytes mean different things by what came before: offsets in them cannot be kept.
_STATEFUL: Final = ("iso2022", "hz", "utf_7", "utf-7", "idna", "punycode", "escape", "undefined")


class Encoding(Protocol):
    """An encoding as a stream needs it. Offsets count in UTF-8 text unless they are called original."""

    name: str
    signature: int

    def decoder(self) -> codecs.IncrementalDecoder | None:
        """Return a fresh decoder that marks what is no text, or ``None`` if bytes are UTF-8 already."""

    def original_offsets(self, data: bytes, places: Offsets) -> Offsets:
        """Return how many original bytes ``data[:place]`` came from, for each of ``places`` (ascending)."""

    def undecodable(self, data: bytes, complete: int) -> Offsets:
        """Return the offsets of what is no text in ``data[:complete]``, ascending."""

    def to_text(self, piece: bytes) -> str:
        r"""Return a piece as text, what is no text as ``\xNN`` (U+FFFD for a lone surrogate)."""


def find_encoding(name: str, head: bytes) -> Encoding:
    """Find the encoding ``name``; ``head`` is the beginning of the file, where a signature may stand.

    Raises ``NotATable`` for a name no codec has and for encodings with shift states.
    """
    try:
        known = codecs.lookup(name)
    except LookupError:
        raise NotATable(
            "undecodable_file",
            f"There is no encoding named {name!r}: name one such as utf-8 or windows-1252.",
        ) from None
    plain = known.name.replace("_", "-")
    if any(plain.startswith(word.replace("_", "-")) for word in _STATEFUL) or not known._is_text_encoding:
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
        """Keep the name to report and the length of the byte-order mark."""
        self.name, self.signature = name, signature

    def decoder(self) -> None:
        """Return ``None``: the bytes are UTF-8 already."""
        return

    def original_offsets(self, data: bytes, places: Offsets) -> Offsets:
        """Return the places themselves."""
        del data
        return places

    def undecodable(self, data: bytes, complete: int) -> Offsets:
        """Validate in one pass; only a block that fails is looked through byte by byte (in C)."""
        sizes = np.array([0, complete], np.int64)
        buffers = [None, pa.py_buffer(sizes), pa.py_buffer(data)]
        try:
            pa.Array.from_buffers(pa.large_binary(), 1, buffers).cast(pa.large_string())
        except pa.ArrowInvalid:
            return _faulty(data[:complete])
        return _NONE

    def to_text(self, piece: bytes) -> str:
        """Decode."""
        return piece.decode("utf-8", "backslashreplace")


class _Transcoded:
    """An encoding that is turned into UTF-8 first."""

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
    """UTF-16 and UTF-32: two or four bytes a unit."""

    def __init__(self, name: str, signature: int) -> None:
        """Take the codec's name with its byte order, and the length of the byte-order mark."""
        self.name = self._codec = name
        self.signature = signature
        self._errors = "imports_pipeline.mark_units"
        self._mark = re.compile(_UNIT_MARK.encode())
        self._unit = 2 if name.startswith("utf-16") else 4

    def original_offsets(self, data: bytes, places: Offsets) -> Offsets:
        """Count units: characters, and in UTF-16 one more for each beyond U+FFFF."""
        if data.isascii():
            return places * self._unit
        buffer = np.frombuffer(data, np.uint8)
        units = places - np.searchsorted(np.flatnonzero((buffer & 0xC0) == 0x80), places)
        if self._unit == 2:
            units += np.searchsorted(np.flatnonzero(buffer >= 0xF0), places)
        return units * self._unit


class SingleByte(_Transcoded):
    """One byte a character: Windows-1252, Mac Roman, ISO 8859 and their like.

    Words that are UTF-8 are no text in it: a file into which rows of another were pasted never yields "MÃ¼ller".
    """

    def __init__(self, name: str, codec: str) -> None:
        """Take the name to report and the codec's."""
        self.name, self._codec = name, codec
        self._errors = "imports_pipeline.mark_bytes"
        self._mark = _BYTE_MARKS

    def decoder(self) -> codecs.IncrementalDecoder:
        """Return a decoder that also marks what is UTF-8."""
        return _SingleByteDecoder(self._codec)

    def original_offsets(self, data: bytes, places: Offsets) -> Offsets:
        """Count characters."""
        if data.isascii():
            return places
        buffer = np.frombuffer(data, np.uint8)
        return places - np.searchsorted(np.flatnonzero((buffer & 0xC0) == 0x80), places)


class _SingleByteDecoder(codecs.IncrementalDecoder):
    """Decodes a single-byte encoding; bytes that are none of it, and words in UTF-8, become marks."""

    def __init__(self, codec: str) -> None:
        super().__init__("imports_pipeline.mark_bytes")
        self._codec = codec
        self._held = b""

    def decode(self, data: bytes, final: bool = False) -> str:  # type: ignore[override]
        """Decode up to the last ASCII character that is no letter; what follows may be half a word."""
        data = self._held + bytes(data)
        end = len(data)
        if not final:
            # A word longer than this is none, and held back no longer.
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
        """Forget what was held back."""
        self._held = b""


# The bytes of words in which UTF-8 is looked for, and how many of them are held back at the end of a block.
_IN_WORDS: Final = bytes(byte for byte in range(256) if byte >= 0x80 or chr(byte).isalpha())
_HELD_BYTES: Final = 256


class MultiByte(_Transcoded):
    """East Asian encodings without shift states. Places are found by encoding again: slower, as exact."""

    def __init__(self, name: str, codec: str) -> None:
        """Take the name to report and the codec's."""
        self.name, self._codec = name, codec
        self._errors = "imports_pipeline.mark_bytes"
        self._mark = _BYTE_MARKS

    def original_offsets(self, data: bytes, places: Offsets) -> Offsets:
        """Encode the text between the places again and add up the lengths."""
        lengths, before = [], 0
        for place in places.tolist():
            piece = data[before:place].decode("utf-8")
            lengths.append(len(piece.encode(self._codec, "imports_pipeline.unmark_bytes")))
            before = place
        return np.cumsum(np.array(lengths, np.int64)) if lengths else _NONE


_BYTE_MARKS: Final = re.compile(b"\xf4\x8f[\xbc-\xbf][\x80-\xbf]")


def _is_single_byte(codec: str) -> bool:
    """Return whether every byte stands for a character, or for none, by itself."""
    for value in range(256):
        try:
            if len(bytes([value]).decode(codec)) != 1:
                return False
        except UnicodeDecodeError as error:
            if "incomplete" in error.reason or "unexpected end" in error.reason:
                return False
    return True


def _faulty(data: bytes) -> Offsets:
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
