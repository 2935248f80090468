"""Ids of other systems: which column is the other system's id, by its name and by its cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from imports_pipeline.schemas.column_mapping.headers.header_words import meaning, undecorated
from imports_pipeline.schemas.column_mapping.headers.meanings import Meaning
from imports_pipeline.schemas.column_mapping.headers.vocabulary import folded
from imports_pipeline.schemas.column_mapping.sample import Sample

# Headers of other systems' ids, the surest first. ``external_id`` and its aliases come before all of them.
_NAMES: Final = tuple(
    folded(name)
    for name in (
        *("id", "contact id", "person id", "record id", "user id", "member id", "customer id", "client id"),
        *("subscriber id", "people id", "lead id", "profile id", "object id", "uuid", "guid", "uid"),
        *("unique id", "system id", "internal id", "crm id", "source id", "immutable id", "source anchor"),
        *(
            "employee number",
            "employee no",
            "staff id",
            "student id",
            "sis id",
            "euid",
            "leid",
            "external key",
        ),
    )
)


# Words of ids that are of something else than the person of the row.
_OF_ANOTHER: Final = frozenset(
    {
        *(
            "order",
            "invoice",
            "ticket",
            "transaction",
            "payment",
            "household",
            "family",
            "company",
            "organization",
        ),
        *(
            "organisation",
            "account",
            "owner",
            "manager",
            "parent",
            "campaign",
            "list",
            "event",
            "form",
            "school",
        ),
        *(
            "class",
            "course",
            "device",
            "session",
            "group",
            "tag",
            "address",
            "product",
            "store",
            "site",
            "tenant",
        ),
        *(
            "booking",
            "reservation",
            "subscription",
            "purchase",
            "donation",
            "gift",
            "batch",
            "deal",
            "opportunity",
        ),
        *(
            "message",
            "email",
            "project",
            "location",
            "branch",
            "department",
            "team",
            "region",
            "country",
            "language",
        ),
        # Documents and accounts elsewhere: they are of the person, but no key of the system that wrote the file.
        *(
            "tax",
            "vat",
            "national",
            "government",
            "passport",
            "license",
            "licence",
            "driver",
            "bank",
            "health",
        ),
        *(
            "insurance",
            "skype",
            "twitter",
            "facebook",
            "instagram",
            "linkedin",
            "telegram",
            "wechat",
            "discord",
        ),
        *("apple", "google"),
    }
)
_WORDS: Final = re.compile(r"[^\W\d_]+")
# The id of a customer or donor, where the file says nothing of banks.
_ACCOUNT: Final = frozenset({"accountnumber", "accountno", "accountnr"})


def external_id_column(
    names: Sequence[str], free: Sequence[int], sample: Sample, *, is_export: bool = False
) -> int | None:
    """Return the column that holds the other system's ids, by its header and its cells; nothing if there is none."""
    ranked = []
    for at in free:
        name = folded(undecorated(names[at]))
        rank = next((rank for rank, known in enumerate(_NAMES) if name == known), None)
        if rank is None and meaning(names[at]) == Meaning("id"):
            # `Person - ID`, `Mitgliedsnummer`.
            rank = len(_NAMES)
        if rank is not None and sample.has_ids(at):
            # Two columns of one rank are told apart by their headers, so that their order does not matter.
            ranked.append((rank, len(name), name, at))
    best = min(ranked)[-1] if ranked else None
    if is_export and (best is None or not sample.has_an_id_in_each_row(best)):
        own = _named_after_its_product(names, free, sample)
        return best if own is None else own
    return best


def _named_after_its_product(names: Sequence[str], free: Sequence[int], sample: Sample) -> int | None:
    """Return the column whose header ends in ``ID`` behind words of a product's own (``Copper ID``), in its export.

    No other header ends so, and each row has an id of its own. If none does, it may be an account number.
    """
    found = [at for at in free if _is_some_id(names[at])]
    if not found and not any("bank" in folded(name) for name in names):
        found = [at for at in free if folded(undecorated(names[at])) in _ACCOUNT]
    return found[0] if len(found) == 1 and sample.has_an_id_in_each_row(found[0]) else None


def _is_some_id(header: str) -> bool:
    words = [word.casefold() for word in _WORDS.findall(undecorated(header))]
    if not words or words[-1] not in ("id", "uid", "uuid", "guid") or _OF_ANOTHER & set(words):
        return False
    return meaning(header) != Meaning("id")
