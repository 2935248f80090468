"""Names that the letter statistics have not seen, in the encodings in which their languages are written."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from imports_pipeline.reading import NotATable
from imports_pipeline.reading.detection.code_pages import Words, readings
from imports_pipeline.reading.detection.encoding_detection import detect_encoding
from imports_pipeline.reading.detection.letters import name_lists

NAMES: Final = name_lists(Path(__file__).with_name("names.txt").read_text("utf-8"))

_WESTERN: Final = ("cp1252", "iso8859_15", "mac_roman", "cp850", "cp437")
_CENTRAL: Final = ("cp1250", "iso8859_2", "cp852", "mac_latin2")
_BALTIC: Final = ("cp1257", "iso8859_13", "cp775", "iso8859_4")
ENCODINGS: Final = {
    **dict.fromkeys(("de", "fr", "es", "ca", "pt", "it", "nl", "sv", "da", "no", "fi", "en"), _WESTERN),
    "is": ("cp1252", "iso8859_15", "mac_iceland", "cp850"),
    **dict.fromkeys(("pl", "cs", "sk", "hu"), _CENTRAL),
    **dict.fromkeys(("hr", "sl"), (*_CENTRAL, "mac_croatian")),
    "ro": (*_CENTRAL, "iso8859_16"),
    "tr": ("cp1254", "iso8859_9", "cp857", "mac_turkish"),
    **dict.fromkeys(("lt", "lv"), _BALTIC),
    "et": (*_BALTIC, "cp1252"),
}


class Outcome(NamedTuple):
    """What came of a file: ``found``, ``refused`` or ``wrong``, and the text that was read if it was wrong."""

    kind: str
    text: str = ""


def file_of(names: list[str], encoding: str) -> bytes:
    """Return a file with two English names and these, in an encoding."""
    rows = ["name,email", "Ann Lee,ann@example.org", "Bob Ray,bob@example.org"]
    rows += [f"{name} {name},n{at}@example.org" for at, name in enumerate(names)]
    return ("\r\n".join(rows) + "\r\n").encode(encoding)


def outcome(names: list[str], encoding: str) -> Outcome:
    """Return what comes of a file with these names and some English ones, in an encoding."""
    data = file_of(names, encoding)
    try:
        found = detect_encoding(data, whole=True)
    except NotATable as refusal:
        return Outcome("refused", refusal.reason)
    read = data.decode(found, "backslashreplace")
    # Every row of a file that was taken for another encoding's damage is rejected, with no letter guessed.
    if found == "utf-8":
        return Outcome("refused", "damage")
    return Outcome("found") if read == data.decode(encoding) else Outcome("wrong", read)


def wrong_lead(names: list[str], encoding: str) -> float:
    """Return by how much the likeliest reading of a file leads if it is wrong, else 0: ``CERTAIN`` must be more."""
    words = Words()
    words.add(file_of(names, encoding))
    found = words.found()
    best, second, *_ = readings(found)
    right = tuple(word.decode(encoding) for word in found)
    return 0.0 if best.words[: len(right)] == right[: len(best.words)] else best.weight - second.weight


def files(language: str, encoding: str, rows: int, count: int) -> Iterator[list[str]]:
    """Yield lists of ``rows`` names that the encoding can write: each name by itself, or ``count`` choices."""
    names = [name for name in NAMES[language] if _writes(encoding, name)]
    if rows == 1:
        yield from ([name] for name in names[:count])
        return
    choose = random.Random(f"{language} {encoding} {rows}")
    for _ in range(count if names else 0):
        yield choose.choices(names, k=rows)


def _writes(encoding: str, name: str) -> bool:
    try:
        name.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
