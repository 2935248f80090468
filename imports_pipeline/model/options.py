"""What a caller may ask of an import: every option, its default and its bounds, checked in one place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Final

from imports_pipeline.model import ids

#: A week, in seconds.
_LONGEST_TIMEOUT: Final = 7 * 24 * 3600
_LAST_HEADER_LINE: Final = 1_000_000
_LARGEST_COUNT: Final = 10**12


class InvalidOption(ValueError):
    """An option has a value it cannot have; the message names the option and says what it takes."""


class Action(StrEnum):
    """What the rows do to the stored records (SPEC §4)."""

    MERGE = "merge"
    OVERWRITE = "overwrite"
    DELETE = "delete"
    #: takes another import back; never asked for with a file
    REVERT = "revert"


class Mode(StrEnum):
    """When the caller gets its answer (SPEC §5)."""

    SYNC = "sync"
    MIXED = "mixed"


class DuplicateHandling(StrEnum):
    """What happens to rows of one file that share an identity value."""

    IGNORE_ALL = "ignore_all"
    USE_FIRST = "use_first"


class BlankCells(StrEnum):
    """What a blank cell says about the stored value."""

    KEEP = "keep"
    CLEAR = "clear"


class LineEnd(StrEnum):
    """What ends a line of the file."""

    LF = "lf"
    CRLF = "crlf"
    CR = "cr"


class Compression(StrEnum):
    """How the file is packed."""

    NONE = "none"
    GZIP = "gzip"
    ZIP = "zip"


class UnknownColumns(StrEnum):
    """What happens to columns that the resource does not have."""

    IGNORE = "ignore"
    REJECT = "reject"


@dataclass(frozen=True)
class Options:
    """The options of one import. Immutable; ``Options.of`` checks and converts what a caller gives."""

    action: Action = Action.MERGE
    mode: Mode = Mode.MIXED
    duplicate_handling: DuplicateHandling = DuplicateHandling.IGNORE_ALL
    blank_cells: BlankCells = BlankCells.KEEP
    unknown_columns: UnknownColumns = UnknownColumns.IGNORE
    match_on: tuple[str, ...] = ()
    location_id: str | None = None
    column_mapping: Mapping[str, str] = field(default_factory=dict)
    default_region: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    line_end: LineEnd | None = None
    header_line: int | None = None
    sheet: str | None = None
    compression: Compression | None = None
    #: the source is a glob, and the files that it matches are read as one
    parts: bool = False
    #: how old the source may be, such as ``26h``
    max_age: str | None = None
    dry_run: bool = False
    max_deletions: int | None = None
    #: a count, or a share of the file's rows such as ``"5%"``
    max_errors: int | str | None = None
    #: guards of an overwrite for this import; the organization's where not given
    deletion_floor: int | None = None
    deletion_percent: float | None = None
    deletion_total: int | None = None
    timeout: int = 3600
    save_upload: bool = True
    save_result: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        """Check ``given`` (name → plain value; ``None`` means not given) and make the options of it.

        Raises ``InvalidOption`` for an unknown option and for a value out of its bounds.
        """
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(given) - known)
        if unknown:
            raise InvalidOption(f"unknown option {unknown[0]!r}; known are {', '.join(sorted(known))}")
        values = {name: value for name, value in given.items() if value is not None}
        for name, choices in _CHOICES.items():
            if name in values:
                values[name] = _choice(name, values[name], choices)
        if "match_on" in values:
            values["match_on"] = _names("match_on", values["match_on"])
        if "column_mapping" in values:
            values["column_mapping"] = _mapping(values["column_mapping"])
        if "location_id" in values and not ids.is_id(ids.LOCATION, str(values["location_id"])):
            raise InvalidOption(
                f"location_id: {values['location_id']!r} is no location id;"
                " `imports-pipeline locations list` shows those there are"
            )
        for name, most in (("timeout", _LONGEST_TIMEOUT), ("header_line", _LAST_HEADER_LINE)):
            if name in values:
                values[name] = _positive(name, values[name], most)
        for name in ("max_deletions", "deletion_floor", "deletion_total"):
            if name in values:
                values[name] = _count(name, values[name])
        if "deletion_percent" in values:
            values["deletion_percent"] = _percent("deletion_percent", values["deletion_percent"])
        if "max_errors" in values:
            values["max_errors"] = _count_or_share("max_errors", values["max_errors"])
        for name in ("parts", "dry_run", "save_upload", "save_result"):
            if name in values and not isinstance(values[name], bool):
                raise InvalidOption(f"{name}: takes true or false, not {values[name]!r}")
        if "max_age" in values:
            seconds_of(str(values["max_age"]))
            values["max_age"] = str(values["max_age"])
        if "default_region" in values:
            values["default_region"] = _region(values["default_region"])
        _check_marks(values)
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Give the options as plain values that JSON can carry and ``of`` takes back."""
        plain = asdict(self)
        plain["match_on"] = list(self.match_on)
        plain["column_mapping"] = dict(self.column_mapping)
        return plain


def _check_marks(values: Mapping[str, Any]) -> None:
    """Check the marks of a file that are given: one ASCII character each, and no two the same."""
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


_CHOICES: dict[str, type[StrEnum]] = {
    "action": Action,
    "mode": Mode,
    "duplicate_handling": DuplicateHandling,
    "blank_cells": BlankCells,
    "unknown_columns": UnknownColumns,
    "line_end": LineEnd,
    "compression": Compression,
}


def _choice(name: str, value: object, choices: type[StrEnum]) -> StrEnum:
    try:
        return choices(str(value))
    except ValueError:
        raise InvalidOption(f"{name}: {value!r} is none of {', '.join(choices)}") from None


def _names(name: str, value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, str) for part in parts):
        raise InvalidOption(f"{name}: takes a list of names, not {value!r}")
    names = tuple(part.strip() for part in parts if part.strip())
    if len(set(names)) != len(names):
        raise InvalidOption(f"{name}: a name stands in it twice: {', '.join(names)}")
    return names


def _mapping(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(
        isinstance(k, str) and isinstance(v, str) for k, v in value.items()
    ):
        raise InvalidOption(f"column_mapping: takes an object of field to header, not {value!r}")
    return dict(value)


def _positive(name: str, value: object, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise InvalidOption(f"{name}: takes a whole number from 1 to {most:,}, not {_short(value)}")
    return value


def _short(value: object) -> str:
    """Show a value that may be of any length."""
    try:
        text = repr(value)
    except ValueError:
        # A whole number of more digits than Python writes.
        return "one of thousands of digits"
    return text if len(text) <= 100 else f"{text[:100]}…"


def _count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST_COUNT:
        raise InvalidOption(f"{name}: takes a whole number from 0 to {_LARGEST_COUNT:,}, not {_short(value)}")
    return value


def _percent(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise InvalidOption(f"{name}: takes a number from 0 to 100, not {value!r}")
    return float(value)


def _count_or_share(name: str, value: object) -> int | str:
    text = str(value).strip()
    if not isinstance(value, bool) and re.fullmatch(r"[0-9]{1,12}", text):
        return int(text)
    match = re.fullmatch(r"(\d{1,3}(?:\.\d+)?) ?%", text)
    if match is None or float(match[1]) > 100:
        raise InvalidOption(f"{name}: takes a whole number or a share such as 5%, not {value!r}")
    return f"{match[1]}%"


def seconds_of(max_age: str) -> int:
    """Give a ``max_age`` such as ``90m``, ``26h`` or ``2d`` in seconds. Raises ``InvalidOption``."""
    match = re.fullmatch(r"([1-9]\d{0,5})([smhd])", max_age)
    if match is None:
        raise InvalidOption(f"max_age: takes a number and s, m, h or d, such as 26h, not {max_age!r}")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


def _region(value: object) -> str:
    text = str(value).upper()
    if len(text) != 2 or not text.isascii() or not text.isalpha():
        raise InvalidOption(f"default_region: takes a two-letter country code (ISO 3166-1), not {value!r}")
    return text
