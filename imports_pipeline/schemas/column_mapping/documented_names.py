"""Columns that say by their name which field they are: the field's own name, or an alias of the catalog."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from imports_pipeline.schemas import catalog
from imports_pipeline.schemas.column_mapping.headers.aliases import candidates
from imports_pipeline.schemas.column_mapping.headers.header_words import meaning, undecorated
from imports_pipeline.schemas.column_mapping.plan import Source


def are_address_parts(field: str, positions: Sequence[int], names: Sequence[str]) -> bool:
    """Return whether two columns of an address are the whole and its street (``Home Address``, ``Home Street``)."""
    parts = [
        said.part for at in positions if (said := meaning(names[at])) is not None and said.kind == "address"
    ]
    return len(parts) == len(positions) == 2 and set(parts) == {"", "street"} and "address" in field


def documented_columns(
    names: Sequence[str],
    resource: catalog.Resource,
    given: Mapping[str, int],
    made: Mapping[str, Source],
    told_otherwise: Collection[int],
) -> dict[str, list[int]]:
    """Return field → positions of the columns that are mapped explicitly or say by their name what they are."""
    found = {field: [at] for field, at in given.items()}
    shared: list[tuple[int, tuple[str, ...]]] = []
    decorated: list[int] = []
    taken = {*given.values(), *told_otherwise}
    for at, name in enumerate(names):
        if at in taken or not name or name.startswith("_"):
            continue
        # A field that is mapped explicitly has its column: others of its name are ignored, and listed.
        named = candidates(name, resource)
        meant = tuple(field for field in named if field not in given and field not in made)
        if len(meant) == 1:
            found.setdefault(meant[0], []).append(at)
        elif meant:
            shared.append((at, meant))
        elif not named:
            decorated.append(at)
    for at, meant in shared:
        free = next((field for field in meant if field not in found), meant[0])
        found.setdefault(free, []).append(at)
    for at in decorated:
        # `Email Address [Required]`, `E-mail?`: the name of a field, if no other column has it.
        # Never a list: a decorated `Groups` may be what another product means by it.
        single = [
            name for name in candidates(undecorated(names[at]), resource) if not is_list(name, resource)
        ]
        unused = [field for field in single if field not in found and field not in made]
        if unused:
            found[unused[0]] = [at]
    return found


def is_list(field: str, resource: catalog.Resource) -> bool:
    """Return whether a field holds a list of references."""
    known = resource.find(field)
    return known is not None and known.kind is catalog.Kind.REFERENCES
