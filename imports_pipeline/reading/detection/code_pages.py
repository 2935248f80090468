"""Which 8-bit code page a file is written in, by how its words read as names in each.

Every code page reads the words that hold bytes beyond ASCII. Code pages that read them alike are one reading. A
reading is certain if it is far likelier than every other; else the file is refused with the likely ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import BinaryIO, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from imports_pipeline.reading.detection.letters import BALTIC, CENTRAL, TURKISH, WESTERN, weights
from imports_pipeline.reading.detection.other_scripts import other_script
from imports_pipeline.reading.options import NotATable


class CodePage(NamedTuple):
    """A code page: the name to report, Python's codec, its languages, and how rare it is (a log probability)."""

    name: str
    codec: str
    languages: tuple[str, ...]
    rarity: float


_OTHERS: Final = ("en",)
# In the order in which they are named where they read a file alike.
CODE_PAGES: Final = (
    CodePage("windows-1252", "cp1252", (*WESTERN, "et"), 0),
    CodePage("mac-roman", "mac_roman", WESTERN, -1),
    CodePage("windows-1250", "cp1250", CENTRAL, -1),
    CodePage("windows-1254", "cp1254", TURKISH, -1),
    CodePage("windows-1257", "cp1257", BALTIC, -1),
    CodePage("iso-8859-15", "iso8859_15", WESTERN, -1),
    CodePage("iso-8859-2", "iso8859_2", CENTRAL, -1),
    CodePage("iso-8859-9", "iso8859_9", TURKISH, -1),
    CodePage("iso-8859-13", "iso8859_13", BALTIC, -1),
    CodePage("iso-8859-4", "iso8859_4", BALTIC, -2),
    CodePage("iso-8859-16", "iso8859_16", CENTRAL, -2),
    CodePage("cp850", "cp850", WESTERN, -1),
    CodePage("cp437", "cp437", WESTERN, -1),
    CodePage("cp852", "cp852", CENTRAL, -1),
    CodePage("cp857", "cp857", TURKISH, -1),
    CodePage("cp775", "cp775", BALTIC, -1),
    CodePage("mac-latin2", "mac_latin2", (*CENTRAL, "lt", "lv", "et"), -1),
    CodePage("mac-croatian", "mac_croatian", CENTRAL, -2),
    CodePage("mac-romanian", "mac_romanian", CENTRAL, -2),
    CodePage("mac-turkish", "mac_turkish", TURKISH, -2),
    CodePage("mac-iceland", "mac_iceland", WESTERN, -2),
    CodePage("windows-1251", "cp1251", _OTHERS, -1),
    CodePage("koi8-r", "koi8_r", _OTHERS, -1),
    CodePage("cp866", "cp866", _OTHERS, -1),
    CodePage("iso-8859-5", "iso8859_5", _OTHERS, -1),
    CodePage("windows-1253", "cp1253", _OTHERS, -1),
    CodePage("windows-1255", "cp1255", _OTHERS, -1),
    CodePage("windows-1256", "cp1256", _OTHERS, -1),
)
LATIN: Final = frozenset(page.name for page in CODE_PAGES if page.languages != _OTHERS)
# How much likelier (as a logarithm) a reading must be than each other one to be certain. Of some 17,000 small files of
# names that the statistics have not seen, the best wrong reading led by 10.7 (benchmarks/encodings.py --leads).
CERTAIN: Final = 14.0
# A word that is this much likelier in another code page than the file's is written in the other one.
_OTHER_PAGE: Final = 14.0
# A word that makes sense weighs at least this much for each of its letters, and this much less for the first.
_SENSE_LETTER, _SENSE_WORD = -3.6, -6.0
# Words that are weighed at most: more hardly change the answer.
_WORDS: Final = 400
_COLLECTED: Final = 5000
_CHUNK_BYTES: Final = 1024 * 1024
_WORD_BYTES: Final = 40
_LETTERS: Final = re.compile(rb"[A-Za-z\x80-\xff]+")
_WORD: Final = re.compile(rb"[^A-Za-z\x80-\xff]?[A-Za-z\x80-\xff]+[^A-Za-z\x80-\xff]?")


class Reading(NamedTuple):
    """One way to read all words: the code pages that read so, the words, the weight, and that of each word."""

    pages: list[CodePage]
    words: tuple[str, ...]
    weight: float
    each: npt.NDArray[np.float64]

    @property
    def name(self) -> str:
        """The first code page that reads so."""
        return self.pages[0].name

    def makes_sense(self, at: int) -> bool:
        """Return whether the word at this place reads as a word of one of the languages."""
        return bool(self.each[at] > _SENSE_WORD + _SENSE_LETTER * len(self.words[at]))


def readings(words: Iterable[bytes]) -> list[Reading]:
    """Return the ways to read ``words``, likeliest first."""
    found: dict[tuple[str, ...], Reading] = {}
    chosen = list(words)[:_WORDS]
    for page in CODE_PAGES:
        texts = tuple(word.decode(page.codec, "replace") for word in chosen)
        matrix = np.array([weights(text, page.languages) for text in texts]).reshape(len(texts), -1)
        total, each = _mixture(matrix)
        total += page.rarity
        if texts not in found:
            found[texts] = Reading([page], texts, total, each)
        else:
            same = found[texts]
            found[texts] = Reading(
                [*same.pages, page], texts, max(total, same.weight), np.maximum(each, same.each)
            )
    return sorted(found.values(), key=lambda reading: -reading.weight)


def _mixture(matrix: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
    """Return how likely the words are in a mixture of the languages that fits them best, and each word's share."""
    count = matrix.shape[1]
    share = np.full(count, 1 / count)
    for _ in range(8):
        logs = matrix + np.log(share)
        top = logs.max(1, keepdims=True)
        parts = np.exp(logs - top)
        sums = parts.sum(1, keepdims=True)
        share = (parts / sums).sum(0) + 0.2
        share /= share.sum()
    each = (top + np.log(sums))[:, 0]
    return float(each.sum()), each


class Words:
    """Collects the words of a file that hold bytes beyond ASCII: one for each such byte with its two neighbours."""

    def __init__(self) -> None:
        """Begin with none."""
        self._words: dict[int, bytes] = {}
        self._tail = b""

    def read(self, source: BinaryIO) -> None:
        """Collect from all of ``source``."""
        source.seek(0)
        while chunk := source.read(_CHUNK_BYTES):
            self.add(chunk)

    def add(self, chunk: bytes) -> None:
        """Collect from the next bytes of the file."""
        if self._tail.isascii() and chunk.isascii():
            self._tail = chunk[-_WORD_BYTES:]
            return
        data = self._tail + chunk
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1 or len(data)
        self._tail = data[end:]
        self._collect(data[:end])

    def found(self) -> list[bytes]:
        """Return the words, first one for each byte beyond ASCII, then the others."""
        self._collect(self._tail)
        # A word counts once, whatever stands at its sides: again it would be no further evidence.
        codes: dict[bytes, int] = {}
        for code, word in self._words.items():
            codes.setdefault(_LETTERS.findall(word)[0], code)
        first = {code >> 8 & 0xFF: None for code in self._words}
        words = [self._words[code] for code in codes.values()]
        leading = []
        for word in words:
            new = [byte for byte in word if byte in first]
            if new:
                leading.append(word)
                for byte in new:
                    first.pop(byte, None)
        return list(dict.fromkeys([*leading, *words]))

    def _collect(self, data: bytes) -> None:
        buffer = np.frombuffer(b" " + data + b" ", np.uint8).astype(np.uint32)
        places = np.flatnonzero(buffer >= 0x80)
        codes = buffer[places - 1] << 16 | buffer[places] << 8 | buffer[places + 1]
        distinct, at = np.unique(codes, return_index=True)
        for code, place in zip(distinct.tolist(), (places[at] - 1).tolist(), strict=True):
            if code in self._words or len(self._words) >= _COLLECTED:
                continue
            begin = max(0, place - _WORD_BYTES)
            for match in _WORD.finditer(data, begin, place + _WORD_BYTES):
                if match.end() > place:
                    self._words[code] = match[0]
                    break


def code_page(words: list[bytes], sample: bytes) -> str:
    """Return the name of the code page in which ``words`` are written, ``""`` if they make sense in none.

    ``sample`` is a part of the file, for the message of a file in another script than Latin.

    Raises:
        NotATable: if more than one code page may be meant (``ambiguous_encoding``), or a script that is read only
            if its encoding is named (``undecodable_file``).
    """
    best, *others = readings(words)
    sense = sum(best.makes_sense(at) for at in range(len(best.words)))
    if sense < 0.7 * len(best.words):
        return ""
    if best.name not in LATIN:
        return other_script(sample)
    rivals = [other for other in others if other.weight > best.weight - CERTAIN]
    if rivals:
        raise NotATable("ambiguous_encoding", _choice([best, *rivals]))
    for other in others:
        for at in np.flatnonzero(other.each > best.each + _OTHER_PAGE).tolist():
            if other.makes_sense(at) and other.words[at] != best.words[at]:
                raise NotATable(
                    "ambiguous_encoding",
                    f"The file seems to hold rows in two encodings: most read in {best.name}, but"
                    f" {_shown(best.words[at])} would be {_shown(other.words[at])} in {other.name}. Save all of it"
                    " as UTF-8, or give the option encoding to read all of it in one.",
                )
    return best.name


def _choice(likely: list[Reading]) -> str:
    """Return the sentence that names the likely encodings and how words read in each."""
    chosen = likely[:5]
    differing = [
        at for at in range(len(chosen[0].words)) if len({reading.words[at] for reading in chosen}) > 1
    ]
    differing.sort(key=lambda at: -len({reading.words[at] for reading in chosen}))
    samples = [
        f"{', '.join(_shown(reading.words[at]) for at in differing[:3])} in {reading.name}"
        for reading in chosen
    ]
    return (
        f"The file's encoding is not certain. Its words would read {'; '.join(samples)}. Give the one that reads"
        " right as the option encoding, or save the file as UTF-8."
    )


def _shown(word: str) -> str:
    text = word.strip(' ,;|"\t\r\n<>()')
    return "‘" + "".join(letter if letter.isprintable() else "\ufffd" for letter in text) + "’"
