"""Bulk import of contacts and groups by CSV.

A row's way, one line a stop:

1. ``sources/fetching.py``              the file is copied into the import's folder, as it is
2. ``reading/``                         bytes become rows: encoding, dialect, header, cells with their places
3. ``import_phases/prevalidation.py``   columns are mapped, cells become canonical values, bad rows are rejected
4. ``import_phases/preparsing.py``      rows that share an identity value are rejected
5. ``import_phases/transforming.py``    each row finds its stored record, or becomes a new one: a batch item
6. ``batch_phases/parsing.py``          items enter the staging tables; two for one record are rejected
7. ``batch_phases/validation.py``       unknown ids and references are rejected; the plan and the guards
8. ``batch_phases/processing.py``       the plan is carried out in one transaction ...
9. ``batch_phases/cleanup.py``          ... with the removals of an overwrite, and the import's final status
10. ``import_phases/files/error_files.py``  every rejected row, with what to do about it

``workflow/import_workflow.py`` takes an import through these stops, and ``defs/ops.py`` shows them to Dagster. ``api``
and ``cli`` are ways in. ``model/`` and ``schemas/`` define what all of them speak of. ``docs/architecture.md`` has the
packages and a table of where to look.
"""

import os
from typing import Any

# Arrow's own allocators keep what they freed. With the system's allocator an import peaks some 60 MB lower and is no
# slower. The variable is read when pyarrow is first imported, so a user's own choice wins.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

# The Dagster components, which `dg` looks for as attributes of this module. They import Dagster, and most commands do
# without it, so they are imported at their first use.
_COMPONENTS = {"Imports": "imports_component", "Sync": "sync_component"}


def __getattr__(name: str) -> Any:
    """Return a component. Raises ``AttributeError`` for every other name."""
    if name not in _COMPONENTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.components.{_COMPONENTS[name]}"), name)


def __dir__() -> list[str]:
    """Return the names of the module with those of the components."""
    return [*globals(), *_COMPONENTS]
