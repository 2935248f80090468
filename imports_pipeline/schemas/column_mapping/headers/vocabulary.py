"""The words of headers, from one file a language (``languages/*.yaml``), and how a header is divided into them.

A language file has ``words``: what a word says → the words and phrases; ``labels``: slot → the labels that name it in
cells (``Work``, ``Privat``); and ``headers``: meaning → whole headers that are no sequence of words. All of them are
compared by ``folded``: without case, accents, spaces and punctuation. ``exact`` are headers that would be another word
without their accents (``Stát``), compared without case alone. ``apart`` are words that count only between separators,
since longer words of other languages contain them (``Ort`` and ``Support``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate
from typing import Any, Final

from imports_pipeline.schemas.column_mapping.data_files import parse_yaml
from imports_pipeline.schemas.column_mapping.headers.meanings import KINDS, PARTS, SLOTS, Meaning

# `Mail` is an email, and in `Mail Street` an address. `person` is who a row is about (`Customer`, `Your`).
_KINDS_OF_WORDS: Final = KINDS | {"mail", "person"}

# Latin words of so few letters stand between separators, except those that follow a word without one (`UserId`).
_SHORT: Final = 2
_ANYWHERE: Final = frozenset({"id", "no", "nr"})
_SEPARATORS: Final = re.compile(r"[\W_]+")
_NOT_ALNUM: Final = re.compile(r"[^0-9a-z]+")
# A header of more characters than that is a sentence.
_LONGEST: Final = 80


@dataclass(frozen=True)
class Word:
    """What one word of a header says: a kind, a slot, a part, a number, any of them together, or nothing."""

    kind: str = ""
    slot: str = ""
    part: str = ""
    number: int | None = None

    @classmethod
    def of(cls, text: str) -> Word:
        """Return what the left side of a language file writes (``email``, ``.work``, ``address.city``, ``#2``)."""
        if text == "filler":
            return cls()
        if text.startswith("#"):
            return cls(number=int(text[1:]))
        kind, *rest = text.split(".")
        if unknown := [name for name in rest if name not in SLOTS | PARTS] or (
            kind and kind not in _KINDS_OF_WORDS
        ):
            raise ValueError(f"{text!r} has an unknown name: {unknown}")
        slot = next((name for name in rest if name in SLOTS), "")
        part = next((name for name in rest if name in PARTS), "")
        return cls(kind, slot, part)


@dataclass(frozen=True)
class Vocabulary:
    """Folded words, labels and whole headers of all languages; ``written`` are the words and headers as written."""

    words: dict[str, Word]
    labels: dict[str, str]
    headers: dict[str, Meaning]
    exact: dict[str, Meaning]
    apart: frozenset[str]
    longest: int
    written: frozenset[str]

    def whole(self, header: str) -> Meaning | None:
        """Return what a header means as a whole, whatever its words are."""
        return self.exact.get(_exact(header)) or self.headers.get(folded(header))


def folded(text: str) -> str:
    """Return a text without case, accents, spaces, punctuation and invisible characters; digits stay.

    >>> folded("E-Mail-Adresse (geschäftlich)")
    'emailadressegeschaftlich'
    """
    plain = text.casefold()
    if plain.isascii():
        # Most texts; a process that starts folds thousands of them before it reads its first header.
        return plain if plain.isalnum() else _NOT_ALNUM.sub("", plain)
    plain = unicodedata.normalize("NFKD", plain)
    return "".join(character for character in plain if character.isalnum())


@cache
def vocabulary() -> Vocabulary:
    """Return the words of all languages."""
    words: dict[str, Word] = {}
    labels: dict[str, str] = {}
    headers: dict[str, Meaning] = {}
    exact: dict[str, Meaning] = {}
    apart: set[str] = set()
    written: set[str] = set()
    folder = files("imports_pipeline.schemas.column_mapping") / "languages"
    # English first: a word that two languages spell alike means what it means there.
    for file in sorted(folder.iterdir(), key=lambda file: (file.name != "en.yaml", file.name)):
        if not file.name.endswith(".yaml"):
            continue
        language: dict[str, Any] = parse_yaml(file.read_text(encoding="utf-8"))
        for part in ("words", "apart", "headers", "exact"):
            written.update(*language.get(part, {}).values())
        for says, spellings in language.get("words", {}).items():
            word = Word.of(says)
            for spelling in map(folded, spellings):
                words.setdefault(spelling, word)
        for says, spellings in language.get("apart", {}).items():
            word = Word.of(says)
            for spelling in map(folded, spellings):
                if spelling not in words:
                    words[spelling] = word
                    apart.add(spelling)
        for slot, spellings in language.get("labels", {}).items():
            for spelling in spellings:
                labels.setdefault(folded(spelling), slot)
        for says, spellings in language.get("headers", {}).items():
            meaning = Meaning.of(says)
            for spelling in spellings:
                headers.setdefault(folded(spelling), meaning)
        for says, spellings in language.get("exact", {}).items():
            meaning = Meaning.of(says)
            for spelling in spellings:
                exact.setdefault(_exact(spelling), meaning)
    return Vocabulary(
        words, labels, headers, exact, frozenset(apart), max(map(len, words)), frozenset(written)
    )


def _exact(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip().casefold()


def divided(header: str) -> list[Word] | None:
    """Divide a header into known words and numbers; nothing if a piece of it is unknown.

    Words may be written together (``MAILINGSTREET``). The division with the fewest words counts.
    """
    if len(header) > _LONGEST:
        return None
    pieces = [folded(piece) for piece in _SEPARATORS.split(header)]
    text = "".join(pieces)
    edges = set(accumulate(map(len, pieces), initial=0))
    known = vocabulary()
    # best[end]: the words of text[:end], fewest first.
    best: list[list[Word] | None] = [[], *[None] * len(text)]
    for begin in range(len(text)):
        before = best[begin]
        if before is None:
            continue
        for end, word in _words_at(text, begin, known):
            if (_is_short(text[begin:end]) or text[begin:end] in known.apart) and not {begin, end} <= edges:
                continue
            if best[end] is None or len(before) + 1 < len(best[end] or ()):
                best[end] = [*before, word]
    return best[-1] or None


def _is_short(word: str) -> bool:
    """Return whether a word is so short that it counts only between separators: `co` and `des` are not in `codes`."""
    return len(word) <= _SHORT and word.isascii() and word.isalpha() and word not in _ANYWHERE


def _words_at(text: str, begin: int, known: Vocabulary) -> list[tuple[int, Word]]:
    found = [
        (end, known.words[text[begin:end]])
        for end in range(begin + 1, min(begin + known.longest, len(text)) + 1)
        if text[begin:end] in known.words
    ]
    if text[begin].isdecimal() and (begin == 0 or not text[begin - 1].isdecimal()):
        end = begin
        while end < len(text) and text[end].isdecimal():
            end += 1
        if end - begin <= 2:
            found.append((end, Word(number=int(text[begin:end]))))
    return found


def slot_of_label(label: str | None) -> tuple[str, bool]:
    """Return the slot that a label in a cell names (empty if none), and whether it marks the preferred value.

    >>> slot_of_label("* Work"), slot_of_label("Ferienhaus")
    (('work', True), ('', False))
    """
    text = (label or "").strip()
    preferred = text.startswith("*")
    return vocabulary().labels.get(folded(text), ""), preferred


def said(words: Sequence[Word], name: str) -> list[str]:
    """Return what the words say of ``kind``, ``slot`` or ``part``, each once."""
    return list(dict.fromkeys(found for word in words if (found := getattr(word, name))))
