"""Files without the columns that an import needs: which ones are missing, and which headers look like them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imports_pipeline.model.option_choices import Action, MissingName
from imports_pipeline.schemas import catalog
from imports_pipeline.schemas.column_mapping.headers.header_text import looks_like_header
from imports_pipeline.schemas.column_mapping.refusals import closest, cut, listed, quoted, refused


def refuse_missing(
    found: Mapping[str, Sequence[int]],
    names: Sequence[str],
    left: Sequence[int],
    resource: catalog.Resource,
    action: Action,
    keys: Sequence[catalog.IdentityKey],
    missing_name: MissingName | None,
) -> None:
    """Refuse a file in which no row can create or be identified, and say which headers look like it."""
    deletes = action is Action.DELETE
    ways = [("id",)] if deletes else [resource.required, *(key.fields for key in keys)]
    if missing_name is MissingName.EMAIL and not deletes and not any("name" in key.fields for key in keys):
        # An email is enough for a new contact then; groups have none.
        ways.append(("email",))
    if any(all(field in found for field in way) for way in ways):
        return
    missing = [field for field in ways[0] if field not in found]
    free = [names[at] for at in left if names[at]]
    guesses: dict[str, str] = {}
    for field in missing:
        known = resource.by_name[field]
        for wanted in (field, *known.aliases):
            if close := closest(wanted, [name for name in free if name not in guesses.values()]):
                guesses[field] = close[0]
                break
    wanted = " ".join(f"{field}=HEADER" for field in missing)
    hint = f"; rename a column, or give column_mapping {wanted}"
    if guesses:
        asked = " and ".join(quoted(guess) for guess in guesses.values())
        mapping = ", ".join(f"{field}={cut(guess)}" for field, guess in guesses.items())
        hint = f"; did you mean {asked}? Rename it or give column_mapping {mapping}"
    if not looks_like_header(names):
        hint = "; the line that was taken for the header looks like data: put a header above it, or give header_line"
    identities = ", ".join(dict.fromkeys("+".join(way) for way in ways[1:] if way != ways[0]))
    instead = f" (nor one to match stored records on: {identities})" if identities else ""
    columns = " and no column ".join(quoted(field) for field in missing)
    raise refused(
        "missing_column", f"the file has no column {columns}{instead}; it has {listed(names)}{hint}"
    )
