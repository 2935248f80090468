"""Names: what people call a field, and which field they mean.

Two names are the same if they differ only in case and in spaces, dashes, underscores and invisible
characters: ``External ID``, ``external-id`` and ``externalId`` are one name.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from imports_pipeline.schemas.catalog import Resource

# What two equal names may differ in: white space, dashes, underscores and invisible characters.
_INSIGNIFICANT: Final = re.compile(
    r"[\s_\-\u00ad\u2010-\u2015\u2212\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufe63\uff0d]+"
)
# Byte-order mark and zero-width characters, which files have around the first header.
_INVISIBLE: Final = "\ufeff\u200b\u200c\u200d\u2060"
# The parts of a full name and their headers (normalised), in the order in which they are joined.
NAME_PARTS: Final = {
    "first": frozenset({"firstname", "givenname", "forename", "fname", "first", "given"}),
    "middle": frozenset({"middlename", "middlenames", "middleinitial"}),
    "last": frozenset({"lastname", "surname", "familyname", "lname", "last", "family"}),
}


def normalise(name: str) -> str:
    """Return the letters, digits and dots of a name, case folded."""
    return _INSIGNIFICANT.sub("", name).casefold()


def trimmed(header: str) -> str:
    """Return a header without white space and invisible characters around it."""
    return header.strip().strip(_INVISIBLE).strip()


def metadata_name(name: str) -> str | None:
    """Return ``metadata.KEY`` if the name is one; the key keeps its spelling and case."""
    head, dot, key = name.partition(".")
    if dot and normalise(head) == "metadata" and key.strip():
        return f"metadata.{key.strip()}"
    return None


@cache
def fields_by_name(resource: Resource) -> dict[str, tuple[str, ...]]:
    """Return normalised name → fields: the field that has the name, else those that have it as an alias."""
    names: dict[str, tuple[str, ...]] = {normalise(field.name): (field.name,) for field in resource.fields}
    own = set(names)
    for field in resource.fields:
        # `alternate_emails_work`: tools that flatten nested fields write no dot.
        dotless = field.name.replace(".", "_")
        for alias in dict.fromkeys(normalise(alias) for alias in (*field.aliases, dotless)):
            if alias not in own:
                names[alias] = (*names.get(alias, ()), field.name)
    return names


def candidates(name: str, resource: Resource) -> tuple[str, ...]:
    """Return the fields that a header or a person may mean by ``name``, the likeliest first."""
    if (metadata := metadata_name(name)) is not None and resource.find(metadata) is not None:
        return (metadata,)
    return fields_by_name(resource).get(normalise(name), ())
