"""Recognises names of fields in a header: those of any resource, with all their aliases."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.schemas.column_mapping.headers.aliases import NAME_PARTS, candidates, normalise
from imports_pipeline.schemas.column_mapping.headers.header_words import meaning
from imports_pipeline.schemas.column_mapping.headers.vocabulary import vocabulary

#: A name has no more words than this ("alternate emails work").
_WORDS: Final = 4
#: A longer text is no header whose delimiters were lost.
_LONG: Final = 400
_FORMS: Final = (str, str.lower, str.upper, str.title, str.capitalize)
# The fields that nearly every table of people has.
_OF_PEOPLE: Final = frozenset({"name", "email", "phone"})
# Names of columns that tables of other things have: firms, orders, deals, events.
_OTHER_COLUMNS: Final = frozenset(
    {
        "account", "account name", "amount", "campaign", "category", "city", "comment", "comments", "company",
        "company name", "country", "created", "created at", "created date", "currency", "date",
        "date of birth", "deal", "deal name", "deal stage", "department", "description", "due date",
        "end date", "event", "event name", "gender", "industry", "invoice", "invoice number", "item",
        "job title", "language", "last modified", "opportunity", "order", "order date", "order id",
        "order number", "organisation", "organization", "owner", "position", "postal code", "price",
        "priority", "product", "product id", "product name", "qty", "quantity", "region", "role", "sku",
        "source", "stage", "start date", "state", "status", "street", "subject", "title", "total", "type",
        "updated", "updated at", "url", "username", "value", "website", "zip", "zip code",
    }
)  # fmt: skip


@cache
def is_name(text: str) -> bool:
    """Return True if ``text`` names a field, or a part of a person's name."""
    if any(candidates(text, resource) for resource in RESOURCES.values()):
        return True
    return any(normalise(text) in variants for variants in NAME_PARTS.values())


@cache
def is_known(text: str) -> bool:
    """Return True if ``text`` names a field, or is understood as a header in any language."""
    return is_name(text) or meaning(text) is not None


@cache
def is_column(text: str) -> bool:
    """Return True if ``text`` is a usual name of a column, in a table of people or of other things."""
    return normalise(text) in _others() or is_known(text)


@cache
def is_column_of_people(text: str) -> bool:
    """Return True if ``text`` names a column with names, emails or phones, in any language of headers."""
    fields = {field for resource in RESOURCES.values() for field in candidates(text, resource)}
    if fields & _OF_PEOPLE or any(normalise(text) in variants for variants in NAME_PARTS.values()):
        return True
    says = meaning(text)
    return says is not None and says.kind in _OF_PEOPLE


@cache
def _others() -> frozenset[str]:
    return frozenset(map(normalise, _OTHER_COLUMNS))


@cache
def spellings_of_languages() -> frozenset[str]:
    """Return the words of headers in all languages as they are usually written."""
    return frozenset(form(word) for word in vocabulary().written for form in _FORMS)


@cache
def spellings() -> frozenset[str]:
    """Return the names of fields and other columns as they are usually written, to look for them in whole columns."""
    names = {
        name
        for resource in RESOURCES.values()
        for field in resource.fields
        for name in (field.name, field.name.replace(".", "_"), *field.aliases)
    }
    names |= {name for variants in NAME_PARTS.values() for name in variants}
    names |= {f"{part} name" for part in ("first", "middle", "last", "given", "family")}
    names |= _OTHER_COLUMNS
    names |= {name.replace(old, new) for name in names for old in " _-" for new in (" ", "_", "-", "")}
    return frozenset(names | {form(name) for name in names for form in _FORMS})


def count_names(cells: Sequence[str]) -> int:
    """Count the cells that are names of fields, in any language of headers."""
    return sum(1 for cell in cells if cell.strip() and len(cell) <= _LONG and is_known(cell.strip()))


def names_in(cells: Sequence[str]) -> int:
    """Count the names that a header holds whose delimiters or quotes may be damaged.

    ``name email,phone`` and ``nameemail`` hold names and nothing else; a title that only uses such a word holds
    0.
    """
    text = " ".join(cells)
    if len(text) > _LONG:
        return 0
    words = re.findall(r"[^\s,;|^\t:~/\"'`]+", text)
    names = at = 0
    while at < len(words):
        for size in range(min(_WORDS, len(words) - at), 0, -1):
            if is_known(" ".join(words[at : at + size])):
                break
        else:
            size = 1
            if not is_two_names(words[at], is_known):
                return 0
            names += 1
        names, at = names + 1, at + size
    return names


def is_two_names(word: str, known: Callable[[str], bool] = is_name) -> bool:
    """Return True for two names that stand together without a delimiter."""
    return any(known(word[:at]) and known(word[at:]) for at in range(2, len(word) - 1))
