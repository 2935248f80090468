"""Checks and conversions of option values. Each error says what the option takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

from imports_pipeline.model import ids
from imports_pipeline.model.option_declarations import Declaration
from imports_pipeline.model.suggestions import nearest

_Choice = TypeVar("_Choice", bound=StrEnum)


class InvalidOption(ValueError):
    """An option has an invalid value; the message names the option and says what it takes."""


def unknown_option(name: str, known: Iterable[str]) -> InvalidOption:
    """Return the error of an option that does not exist, with the one that is probably meant, or else all of them."""
    known = sorted(known)
    meant = nearest(name, known)
    return InvalidOption(
        f"unknown option {name!r}; {meant!r} is probably meant"
        if meant
        else f"unknown option {name!r}; known are {', '.join(known)}"
    )


def check_text(name: str, value: object) -> None:
    """Check that PostgreSQL can hold every text of a value: no NUL, no half of a character (lone surrogate)."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise InvalidOption(f"{name}: holds a NUL or half a character: {_short(value)}; remove it")
    elif isinstance(value, Mapping):
        for key, one in value.items():
            check_text(name, key)
            check_text(name, one)
    elif isinstance(value, list | tuple):
        for one in value:
            check_text(name, one)


def choice(name: str, value: object, choices: type[_Choice]) -> _Choice:
    """Return the member of ``choices`` that a text names."""
    try:
        return choices(str(value))
    except ValueError:
        raise InvalidOption(f"{name}: {value!r} is none of {', '.join(choices)}") from None


def switch(name: str, value: object) -> bool:
    """Return a boolean. Numbers and texts are not accepted."""
    if not isinstance(value, bool):
        raise InvalidOption(f"{name}: takes true or false, not {_short(value)}")
    return value


def number(name: str, value: object, kind: type, minimum: float | None, maximum: float | None) -> int | float:
    """Return a number of this ``kind`` (``int`` or ``float``) between the bounds."""
    low, high = minimum or 0, maximum if maximum is not None else float("inf")
    is_number = isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:  # type: ignore[operator]
        what = "a whole number" if kind is int else "a number"
        raise InvalidOption(f"{name}: takes {what} from {low:,} to {high:,}, not {_short(value)}")
    return kind(value)


def names(value: object) -> tuple[str, ...]:
    """Return identity keys from a list, or from a text with commas."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, str) for part in parts):
        raise InvalidOption(f"match_on: takes a list of names, not {value!r}")
    found = tuple(part.strip() for part in parts if part.strip())
    if len(set(found)) != len(found):
        raise InvalidOption(f"match_on: a name stands in it twice: {', '.join(found)}")
    return found


def mapping(value: object) -> dict[str, str]:
    """Return a mapping of field to header."""
    if not isinstance(value, Mapping) or not all(
        isinstance(k, str) and isinstance(v, str) for k, v in value.items()
    ):
        raise InvalidOption(f"column_mapping: takes an object of field to header, not {value!r}")
    return dict(value)


def known_file(value: object) -> str:
    """Return ``auto``, ``none`` or the name of a known file."""
    text = str(value).strip()
    if not re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", text):
        raise InvalidOption(
            f"known_file: takes auto, none or a name such as google-contacts, not {_short(value)};"
            " `imports-pipeline known-files` lists the names"
        )
    return text


def saved_mapping(value: object) -> str:
    """Return the name of a saved mapping, or ``*``."""
    text = str(value).strip()
    if not re.fullmatch(r"\*|[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", text):
        raise InvalidOption(
            "saved_mapping: takes a name of up to 64 letters (A to Z), digits, `_`, `.` and `-`, or *,"
            f" not {_short(value)}"
        )
    return text


def location(value: object) -> str:
    """Return the id of a location."""
    if not ids.is_id(ids.LOCATION, str(value)):
        raise InvalidOption(
            f"location_id: {value!r} is no location id; `imports-pipeline locations list` shows those there are"
        )
    return str(value)


def count_or_share(value: object) -> int | str:
    """Return a count, or a share such as ``5%``."""
    text = str(value).strip()
    if not isinstance(value, bool) and re.fullmatch(r"[0-9]{1,12}", text):
        return int(text)
    match = re.fullmatch(r"(\d{1,3}(?:\.\d+)?) ?%", text)
    if match is None or float(match[1]) > 100:
        raise InvalidOption(f"max_errors: takes a whole number or a share such as 5%, not {value!r}")
    return f"{match[1]}%"


def age(value: object) -> str:
    """Return a checked ``max_age``."""
    seconds_of(str(value))
    return str(value)


def seconds_of(duration: str, option: str = "max_age") -> int:
    """Return a duration such as ``90m``, ``26h`` or ``2d`` in seconds. Raises ``InvalidOption``."""
    match = re.fullmatch(r"([1-9]\d{0,5})([smhd])", duration)
    if match is None:
        raise InvalidOption(f"{option}: takes a number and s, m, h or d, such as 26h, not {duration!r}")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


def region(value: object) -> str:
    """Return a country code (ISO 3166-1 alpha-2) in capitals."""
    text = str(value).upper()
    if len(text) != 2 or not text.isascii() or not text.isalpha():
        raise InvalidOption(f"default_region: takes a two-letter country code (ISO 3166-1), not {value!r}")
    return text


def check_dialect(values: Mapping[str, Any]) -> None:
    """Check the delimiter, quote and escape that are given: one ASCII character each, and all different."""
    given = {name: str(values[name]) for name in ("delimiter", "quote", "escape") if name in values}
    for name, mark in given.items():
        if len(mark) != 1 and (mark or name == "delimiter"):
            none = "" if name == "delimiter" else ", or none"
            raise InvalidOption(f"{name}: takes one character{none}, not {mark!r}")
        if mark and (not mark.isascii() or mark in "\r\n\0"):
            raise InvalidOption(f"{name}: takes an ASCII character that ends no line, not {mark!r}")
    marks = [mark for mark in given.values() if mark]
    if len(set(marks)) != len(marks):
        raise InvalidOption(f"{', '.join(given)}: must differ")


def _short(value: object) -> str:
    """Return a value as text for a message; the value may be of any length."""
    try:
        text = repr(value)
    except ValueError:
        # Python refuses to write whole numbers of more than some thousand digits.
        return "one of thousands of digits"
    return text if len(text) <= 100 else f"{text[:100]}…"


# Options whose values need more than the check of their type and bounds.
_CHECKS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "match_on": names,
    "column_mapping": mapping,
    "known_file": known_file,
    "saved_mapping": saved_mapping,
    "location_id": location,
    "max_errors": count_or_share,
    "max_age": age,
    "default_region": region,
}


def convert(option: Declaration, value: Any) -> Any:
    """Return the value of an option as ``Options`` stores it. Raises ``InvalidOption``."""
    if option.name in _CHECKS:
        return _CHECKS[option.name](value)
    kind = option.kind
    if issubclass(kind, StrEnum):
        return choice(option.name, value, kind)
    if kind is bool:
        return switch(option.name, value)
    if kind in (int, float):
        return number(option.name, value, kind, option.minimum, option.maximum)
    return value
