"""The canonical form of texts that are compared: Unicode NFC, no invisible characters, single blanks.

Ids of other systems, names, and references are stored and looked up in this form, so that `Café` typed on a Mac and
`Café` typed on Windows are the same group. A column of ASCII text is fast: its bytes are searched for runs of blanks.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Soft hyphen, zero-width space, marks and embeddings of text direction, word joiner, byte-order mark.
_INVISIBLE: Final = "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
# Zero-width non-joiner and joiner. They change the look of letters in some scripts, so they stay in people's names.
_JOINERS: Final = "\u200c\u200d"
_BLANKS: Final = r"[\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]+"
_BLANKS_OF_PYTHON: Final = re.compile(r"\s+")


def canonical(texts: pa.Array, *, joiners: bool = False) -> pa.Array:
    """Return trimmed texts in the form in which they are compared; null stays null.

    Args:
        texts: a string array, already trimmed.
        joiners: True to keep zero-width joiners and non-joiners, as in the names of people.
    """
    data = texts.buffers()[2] if texts.type == pa.string() else None
    if data is None or len(data) == 0:
        return texts
    array = np.frombuffer(data, np.uint8)
    if array.max() < 0x80:
        # In ASCII text only blanks can differ. Blanks of two neighbouring cells look like a run; that costs time only.
        space = array == 0x20
        if array.min() >= 0x20 and not (space[1:] & space[:-1]).any():
            return texts
        return pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, _BLANKS, " "))
    texts = pc.replace_substring_regex(texts, f"[{_INVISIBLE}{'' if joiners else _JOINERS}]", "")
    texts = pc.replace_substring_regex(pc.utf8_normalize(texts, "NFC"), _BLANKS, " ")
    texts = pc.utf8_trim_whitespace(texts)
    empty = pc.equal(texts, "")
    return pc.if_else(empty, pa.scalar(None, pa.string()), texts) if pc.any(empty).as_py() else texts


def canonical_text(text: str) -> str:
    r"""Return one text in canonical form, without joiners.

    >>> canonical_text(" Ann\t Lee ")
    'Ann Lee'
    """
    text = re.sub(f"[{_INVISIBLE}{_JOINERS}]", "", text)
    return _BLANKS_OF_PYTHON.sub(" ", unicodedata.normalize("NFC", text)).strip()
