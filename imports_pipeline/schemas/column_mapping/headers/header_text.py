"""How the text of a header differs from the text of a row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

# A cell longer than this is not looked at: the time to match grows faster than its length.
_LONG: Final = 200
# What a header does not say but rows do: numbers, dates, times, phones, addresses of mail and of pages.
_DATA: Final = re.compile(r"\s*[-+(]?[\d][\d\s.,:/()+T-]*%?\s*|\S+@\S+\.\S+|https?://\S+", re.IGNORECASE)


def looks_like_header(cells: Sequence[str]) -> bool:
    """Return whether no cell holds data and no name stands twice."""
    named = [cell.strip().lower() for cell in cells if cell.strip()]
    return len(set(named)) == len(named) and not any(
        _DATA.fullmatch(cell) for cell in named if len(cell) <= _LONG
    )
