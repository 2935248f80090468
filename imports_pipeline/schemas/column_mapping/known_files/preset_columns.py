"""A preset applied to the header of a file: what it says of each of the file's columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from imports_pipeline.schemas.catalog import CONTACT, Resource
from imports_pipeline.schemas.column_mapping.headers.aliases import candidates, normalise
from imports_pipeline.schemas.column_mapping.headers.header_words import meaning
from imports_pipeline.schemas.column_mapping.headers.meanings import KINDS, Meaning
from imports_pipeline.schemas.column_mapping.known_files.presets import Preset

# A capital N at the end of a word or as one (`E-mail N - Value`, `cohortN`) in the header of a preset.
_NUMBER: Final = re.compile(r"(?<![A-Z])N(?![A-Za-z])")


@dataclass(frozen=True)
class Told:
    """What a preset says, by position of a column: its field or meaning, its separators, and the items to drop.

    ``of_kind`` has the separators of every column of a kind.
    """

    fields: dict[int, str] = field(default_factory=dict)
    meanings: dict[int, Meaning] = field(default_factory=dict)
    separators: dict[int, tuple[str, ...]] = field(default_factory=dict)
    dropped: dict[int, tuple[str, ...]] = field(default_factory=dict)
    of_kind: dict[str, tuple[str, ...]] = field(default_factory=dict)


def told(names: Sequence[str], resource: Resource, preset: Preset | None) -> Told:
    """Return what a preset says of the columns of a file.

    Raises:
        ValueError: a right side of the preset is neither a field nor a meaning.
    """
    result = Told()
    if preset is None:
        return result
    result.of_kind.update({key: tuple(value) for key, value in preset.separators.items() if key in KINDS})
    for at, name in enumerate(names):
        says, number = _found(name, preset.columns)
        keys = []
        if says is not None and resource.find(says) is not None:
            result.fields[at] = says
            keys = [says]
        elif says is not None:
            result.meanings[at] = Meaning.of(says.replace("#N", f"#{number}"))
            keys = [says]
        if (separators := _of(name, keys, preset.separators)) is not None:
            result.separators[at] = separators
        if (dropped := _of(name, keys, preset.dropped)) is not None:
            result.dropped[at] = dropped
    return result


def told_apart(names: Sequence[str], preset: Preset | None) -> list[str]:
    """Return headers of which equal ones are numbered, ``Ville`` and ``Ville (2)``, in the export of a product.

    That is where a preset names both, and where the header is no field of a contact. Two columns that both say the name
    or the id stay equal, and the file is refused.
    """
    if preset is None:
        return list(names)
    named = set(map(normalise, preset.columns))
    counts: Counter[str] = Counter()
    found = []
    for name in names:
        counts[normalise(name)] += 1
        if name and (count := counts[normalise(name)]) > 1:
            numbered = f"{name} ({count})"
            if normalise(numbered) in named or _may_stand_twice(name):
                name = numbered
        found.append(name)
    return found


def _may_stand_twice(name: str) -> bool:
    if candidates(name, CONTACT):
        return False
    found = meaning(name)
    return found is None or found.kind not in ("name", "id")


def _found(name: str, columns: Mapping[str, str]) -> tuple[str | None, str]:
    """Return what a preset says of a header, and the number in the header."""
    for header, says in columns.items():
        if normalise(header) == normalise(name):
            return says, ""
        if _NUMBER.search(header):
            pattern = r"(\d+)".join(re.escape(normalise(piece)) for piece in _NUMBER.split(header))
            if match := re.fullmatch(pattern, normalise(name)):
                return says, match[1]
    return None, ""


def _of(name: str, keys: Sequence[str], settings: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """Return the setting of a column: by its header, else by its field or kind."""
    for header, value in settings.items():
        if header not in KINDS and _found(name, {header: ""})[0] is not None:
            return tuple(value)
    return next((tuple(settings[key]) for key in keys if key in settings), None)
