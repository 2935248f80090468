"""The rules for the canonical text of one field: its length, and the shape of its kind.

The Pandera schemas (``pandera_schemas``) have these rules as their checks. ``broken_columns`` applies the same rules
without Pandera, which a process then only imports for a batch that breaks one: the import takes 0.2 s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.model import ids
from imports_pipeline.schemas.catalog import RESOURCES, Field, Kind, Resource
from imports_pipeline.schemas.values import CODES, FALSE, TRUE

#: The type of a column of canonical texts, as Pandera and pandas call it.
COLUMN_TYPE: Final = "arrow_string"
_E164: Final = r"^\+[1-9][0-9]{3,18}$"


@dataclass(frozen=True)
class Rule:
    """A rule that every text of a column must keep.

    Attributes:
        code: the stable code of the error of a text that breaks it.
        expected: what the texts are, for people.
    """

    code: str
    expected: str
    _accepts: Callable[[pa.Array], pa.Array]

    def holds(self, texts: pa.Array) -> pa.Array:
        """Return which texts keep the rule; a null, which is a blank cell, keeps it."""
        return pc.or_(pc.is_null(texts), pc.fill_null(self._accepts(texts), False))


def rules_of(resource: Resource, name: str) -> tuple[Rule, ...]:
    """Return the rules of a field. Raise ``KeyError`` if the resource has no field of this name."""
    field = resource.find(name)
    if field is None:
        raise KeyError(f"{name!r} is no field of a {resource.name}")
    length = Rule(
        "value_too_long",
        f"at most {field.max_length} characters",
        lambda texts: pc.less_equal(pc.utf8_length(texts), field.max_length),
    )
    shape = _shape(field, resource)
    return (length,) if shape is None else (length, Rule(CODES[field.kind], *shape))


def broken_columns(resource: Resource, canonical: pa.RecordBatch) -> list[str]:
    """Return the names of the columns in which a text breaks a rule of its field."""
    return [
        name
        for name, texts in zip(canonical.schema.names, canonical.columns, strict=True)
        if not all(pc.all(rule.holds(texts), min_count=0).as_py() for rule in _rules(resource.name, name))
    ]


@lru_cache(maxsize=512)
def _rules(resource_name: str, field_name: str) -> tuple[Rule, ...]:
    return rules_of(RESOURCES[resource_name], field_name)


def _shape(field: Field, resource: Resource) -> tuple[str, Callable[[pa.Array], pa.Array]] | None:
    """Return the description and the rule of a kind's canonical text; it only finds errors of the readers."""
    match field.kind:
        case Kind.EMAIL:
            return "an email address", lambda texts: pc.match_substring(texts, "@")
        case Kind.PHONE:
            return "a phone number as E.164", lambda texts: pc.match_substring_regex(texts, _E164)
        case Kind.BOOLEAN:
            return "true or false", lambda texts: pc.is_in(texts, pa.array([TRUE, FALSE]))
        case Kind.CHOICE:
            choices = field.choices
            return " or ".join(choices), lambda texts: pc.is_in(texts, pa.array(choices))
        case Kind.ID:
            pattern = ids.pattern(resource.prefix)
            return f"an id of a {resource.name}", lambda texts: pc.match_substring_regex(texts, pattern)
        case _:
            return None
