"""Suggestions for mistyped names."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a mistyped one probably means, or None.

    Example:
        >>> nearest("match-on", ["match_on", "mode"])
        'match_on'
    """
    from difflib import get_close_matches

    by_form = {_form(one): one for one in known}
    found = get_close_matches(_form(name), by_form, n=1, cutoff=0.7)
    return by_form[found[0]] if found else None


def _form(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "")
