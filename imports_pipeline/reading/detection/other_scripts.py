"""The encodings that a file in another script than Latin may have.

Bytes of Greek in Windows-1253 are letters in Windows-1251 as well, so a few names do not show which encoding they are
in. Only known headers do: bytes that are `姓`, `名` and `住所` in one encoding are nothing in another.
Without them nothing is chosen: the message shows a word in each encoding in which all letters are of its script.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from imports_pipeline.reading.options import NotATable
from imports_pipeline.schemas.column_mapping.headers.header_words import meaning

# Encoding → the beginnings of the Unicode names of its letters.
_SCRIPTS: Final = {
    "windows-1251": ("CYRILLIC",),
    "koi8-r": ("CYRILLIC",),
    "cp866": ("CYRILLIC",),
    "windows-1253": ("GREEK",),
    "windows-1255": ("HEBREW",),
    "windows-1256": ("ARABIC",),
    "cp874": ("THAI",),
    "cp932": ("CJK UNIFIED", "HIRAGANA", "KATAKANA"),
    "euc-jp": ("CJK UNIFIED", "HIRAGANA", "KATAKANA"),
    "gb18030": ("CJK UNIFIED",),
    "big5": ("CJK UNIFIED",),
    "cp949": ("HANGUL SYLLABLE",),
}
_LOOKED_AT: Final = 2_000
# The number of known headers that show an encoding, and of first lines that are searched for them.
_ENOUGH_HEADERS: Final = 3
_HEADER_LINES: Final = 5
_CELLS: Final = re.compile(r"[,;\t|\"]+")
_SHOWN: Final = 24
_WORD: Final = re.compile(r"[^\x00-\x7f]+(?: [^\x00-\x7f]+)?")


def other_script(sample: bytes) -> str:
    """Return the encoding of a file that begins with ``sample``, which may end within a character, by its header.

    Raises:
        NotATable: ``undecodable_file``: the header does not show the encoding.
    """
    possible = {encoding: (word, text) for encoding, word, text in _readings(sample)}
    known = {encoding: _known_headers(text) for encoding, (_, text) in possible.items()}
    shown = [encoding for encoding, count in known.items() if count]
    if len(shown) == 1 and known[shown[0]] >= _ENOUGH_HEADERS:
        return shown[0]
    readings = [f"‘{word}’ in {encoding}" for encoding, (word, _) in possible.items()]
    if not readings:
        raise NotATable(
            "undecodable_file",
            "The file's encoding is not clear: save it as UTF-8, or give its name as the option encoding.",
        )
    raise NotATable(
        "undecodable_file",
        f"The file's encoding is not clear. Its words would read {'; '.join(readings)}. Give the one that reads right "
        "as the option encoding, or save the file as UTF-8.",
    )


def _known_headers(text: str) -> int:
    """Return how many cells of the first lines are headers in another script that the rules know."""
    cells = {cell.strip() for line in text.splitlines()[:_HEADER_LINES] for cell in _CELLS.split(line)}
    return sum(1 for cell in cells if cell and not cell.isascii() and meaning(cell) is not None)


def _readings(sample: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield each possible encoding with the word that it shows and the text of the sample."""
    end = max(sample.rfind(b"\n"), sample.rfind(b"\r")) + 1
    for encoding, scripts in _SCRIPTS.items():
        try:
            text = sample[: end or len(sample)].decode(encoding)
        except UnicodeDecodeError:
            continue
        others = [letter for letter in text if not letter.isascii()][:_LOOKED_AT]
        words = _WORD.findall(text)
        if words and all(_is_possible(letter, scripts) for letter in others) and not _are_mixed_case(words):
            yield encoding, max(words, key=len)[:_SHOWN], text


def _is_possible(letter: str, scripts: tuple[str, ...]) -> bool:
    """Return whether a character is a letter or mark of one of the scripts, or punctuation or white space."""
    category = unicodedata.category(letter)
    if category[0] not in "LM":
        return category[0] in "PZ"
    name = unicodedata.name(letter, "")
    return name.startswith(scripts) or "PROLONGED SOUND" in name


def _are_mixed_case(words: list[str]) -> bool:
    """Return whether many words have capitals behind small letters, as letters in the wrong encoding do."""
    parts = [part for word in words for part in word.split(" ")]
    mixed = sum(
        not (part[1:].islower() or part.isupper()) for part in parts if part[1:] != part[1:].swapcase()
    )
    return mixed > 0.2 * len(parts)
