"""How well a text reads as names of a language: the letter statistics from which an 8-bit code page is found.

``names.txt`` holds some hundred names of each language. A word is weighed by how likely its letters follow each
other in one of them (trigrams that fall back to bigrams and single letters), by its case (no capital beyond ASCII
inside a word of small letters) and by the places of its signs (an apostrophe between letters, a currency sign
beside a digit). Weights are natural logarithms of probabilities.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Final

# Languages that are written in any of the Western code pages.
WESTERN: Final = ("de", "fr", "es", "ca", "pt", "it", "nl", "sv", "da", "no", "fi", "is", "en")
CENTRAL: Final = ("pl", "cs", "sk", "hu", "hr", "sl", "ro", "de", "en")
BALTIC: Final = ("lt", "lv", "et", "pl", "de", "sv", "fi", "en")
TURKISH: Final = ("tr", "de", "fr", "es", "ca", "pt", "it", "nl", "sv", "da", "no", "fi", "en")

# Weights of what names do not do. They are larger than what a few rare letters cost together.
_MISPLACED: Final = -14.0
_PLACED: Final = -6.0
# A name that the list of its language holds is that much likelier than its letters say.
_KNOWN: Final = 3.0
_WRONG_CASE: Final = -12.0
_ODD_CASE: Final = -3.0
_SMALL_INITIAL: Final = -2.0
_UNKNOWN_LETTER: Final = -12.0
# A letter of a script of about thirty letters, of which nothing else is known.
_FOREIGN_LETTER: Final = math.log(1 / 30)
_LONE_FOREIGN: Final = -8.0
# How strongly a trigram falls back to the bigram, and a bigram to the letter, in names counted.
_BACK_OFF: Final = 4.0

# Runs of letters, and every other character by itself; superscripts and fractions are no letters.
_PIECES: Final = re.compile(r"[^\W\d_ªºµƒ¹²³¼½¾]+|.", re.DOTALL)
_OPENING: Final = "“‘«‚„¿¡‹"
_CLOSING: Final = "”’»…™®©›"
_BESIDE_DIGITS: Final = "€£¥°²³¹½¼¾±×§ºª¢µ‰"


class Language:
    """The letter statistics of one language."""

    def __init__(self, names: list[str]) -> None:
        """Count the letters, pairs and triples of the names."""
        words = [f" {small(name)} " for name in names]
        self.known = frozenset(small(name) for name in names)
        self._one = Counter(letter for word in words for letter in word[1:])
        self._two = Counter(word[at : at + 2] for word in words for at in range(len(word) - 1))
        self._three = Counter(word[at : at + 3] for word in words for at in range(len(word) - 2))
        self._first = Counter(word[at : at + 1] for word in words for at in range(len(word) - 1))
        self._pairs = Counter(word[at : at + 2] for word in words for at in range(len(word) - 2))
        self._total = sum(self._one.values())

    def weight(self, word: str) -> float:
        """Return the logarithm of how likely the language writes ``word`` (small letters)."""
        text = f" {word} "
        total = 0.0
        for at in range(1, len(text)):
            letter = text[at]
            single = self._one[letter]
            if not single and letter >= "\x80":
                total += _UNKNOWN_LETTER
                continue
            chance = (single + 0.3) / (self._total + 12)
            pair = text[at - 1 : at]
            chance = (self._two[text[at - 1 : at + 1]] + _BACK_OFF * chance) / (self._first[pair] + _BACK_OFF)
            if at > 1:
                before = text[at - 2 : at]
                triple = self._three[text[at - 2 : at + 1]]
                chance = (triple + _BACK_OFF * chance) / (self._pairs[before] + _BACK_OFF)
            total += math.log(chance)
        return total


@cache
def languages() -> dict[str, Language]:
    """Return the statistics of every language in ``names.txt``, by its two-letter code."""
    text = files("imports_pipeline.reading").joinpath("names.txt").read_text("utf-8")
    return {code: Language(names) for code, names in name_lists(text).items()}


def name_lists(text: str) -> dict[str, list[str]]:
    """Return the names by language of a text as ``names.txt``: blocks of a line ``code Language`` and names."""
    lists = {}
    for block in text.split("\n\n"):
        head, _, names = block.partition("\n")
        if not head.startswith("#"):
            lists[head.split()[0]] = names.split()
    return lists


def small(word: str) -> str:
    """Return ``word`` in small letters, each of which stays one character, with cedillas for Romanian commas."""
    return word.replace("İ", "i").lower().translate(_CEDILLAS)


_CEDILLAS: Final = str.maketrans("șț", "şţ")


def weights(text: str, codes: tuple[str, ...]) -> list[float]:
    """Return how likely ``text``, a word and the signs at its sides, is in each language of ``codes``."""
    fixed = 0.0
    words: list[str] = []
    pieces = _PIECES.findall(text)
    for at, piece in enumerate(pieces):
        if piece.isascii() and not piece.isalpha():
            continue
        if len(piece) == 1 and (not piece.isalpha() or piece in "ªºµƒ"):
            before = pieces[at - 1][-1] if at else " "
            after = pieces[at + 1][0] if at + 1 < len(pieces) else " "
            fixed += _sign(piece, before, after)
            continue
        if any(letter >= "\u0370" and not "\u1e00" <= letter <= "\u1eff" for letter in piece):
            fixed += _foreign(piece)
        else:
            fixed += _case(piece)
            words.append(small(piece))
    return [fixed + sum(_weight(code, word) for word in words) for code in codes]


@lru_cache(maxsize=100_000)
def _weight(code: str, word: str) -> float:
    language = languages()[code]
    return language.weight(word) + (_KNOWN if not word.isascii() and word in language.known else 0.0)


def _sign(sign: str, before: str, after: str) -> float:
    """Return the weight of a character that is no letter, between its neighbours."""
    between = before.isalpha() and after.isalpha()
    if sign == "’" and between:
        return _PLACED / 3
    if unicodedata.category(sign) in ("Cc", "Cn", "Co") or sign == "\ufffd" or between:
        return _MISPLACED
    if sign in "€£¥–—•·\u00a0" and not (before.isalpha() or after.isalpha()):
        return _PLACED / 3
    if sign in _OPENING and after.isalnum() and not before.isalnum():
        return _PLACED
    if sign in _CLOSING and (before.isalnum() or before in ".,!?"):
        return _PLACED
    if sign in "–—":
        return _PLACED
    if sign in _BESIDE_DIGITS and (before.isdigit() or after.isdigit()):
        return _PLACED
    return _MISPLACED


def _foreign(word: str) -> float:
    """Return the weight of a word with letters of another script than Latin."""
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in word}
    if len(scripts) > 1 or any(before.islower() and after.isupper() for before, after in pairwise(word)):
        return _MISPLACED + _FOREIGN_LETTER * len(word)
    return _LONE_FOREIGN if len(word) == 1 else _FOREIGN_LETTER * len(word)


def _case(word: str) -> float:
    """Return the weight of a word's capitals and small letters."""
    total = 0.0
    for before, after in pairwise(word):
        if before.islower() and before != "ß" and after.isupper():
            total += _ODD_CASE if before.isascii() and after.isascii() else _WRONG_CASE
    if word[0] >= "\x80" and word[0].islower():
        total += _SMALL_INITIAL if len(word) > 1 else 2 * _SMALL_INITIAL
    rest = word[1:].replace("ß", "")
    if rest.upper() != rest and rest.lower() != rest and word[:2].isupper():
        total += _ODD_CASE if word[:2].isascii() else _WRONG_CASE / 2
    return total
