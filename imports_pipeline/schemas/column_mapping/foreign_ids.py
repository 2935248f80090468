"""Ids of other systems: which column is the other system's id, by its name and by its cells."""

from __future__ import annotations

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


def external_id_column(names: Sequence[str], free: Sequence[int], sample: Sample) -> int | None:
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
    return min(ranked)[-1] if ranked else None
