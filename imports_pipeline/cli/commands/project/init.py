"""The command ``init``: a Dagster project of one's own, with the component ``imports_pipeline.Imports``."""

from __future__ import annotations

import keyword
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import typer

from imports_pipeline.cli.session import stop

_PYPROJECT: Final = """\
[project]
name = "{name}"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["imports-pipeline", "dagster-dg-cli"]

[build-system]
requires = ["setuptools>=80"]
build-backend = "setuptools.build_meta"

[tool.setuptools.packages.find]
include = ["{module}*"]

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "{module}"
code_location_name = "{module}"
"""

_DEFINITIONS: Final = '''\
"""The definitions of this project: everything in the folder `defs`."""

from pathlib import Path

from dagster import definitions, load_from_defs_folder


@definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
'''

_README: Final = """\
# {name}

A Dagster project that imports contacts and groups. `{module}/defs/ingest/defs.yaml` configures it.

```
dg check defs        # is everything valid?
dg dev               # Dagster on http://127.0.0.1:3000, until Ctrl-C
dg launch --job import_contacts --config-json '{{"source": "contacts.csv", "mode": "sync"}}'
```

Add a scheduled import: `dg scaffold defs imports_pipeline.Sync nightly_contacts`.
"""

_CONTACTS: Final = """\
name,email,external_id
Ann Lee,ann@example.com,1
Bob Ray,bob@example.com,2
Cid Fox,cid@example,3
"""


def init(folder: str) -> None:
    """Write a project into a new or empty folder, and say what to do next."""
    from imports_pipeline.components.scaffolding import imports_yaml

    root = Path(folder).resolve()
    module = re.sub(r"\W+", "_", root.name.lower(), flags=re.ASCII).strip("_")
    if not module.isidentifier() or keyword.iskeyword(module):
        stop(f"{root.name!r} cannot be the name of a Python package; take one such as my-imports.", 2)
    if _is_taken(module, root):
        stop(f"The project would hide the Python module {module}; take one such as my-imports for a name.", 2)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        stop(f"{root} is not empty; name a new folder.", 2)
    name = module.replace("_", "-")
    files = {
        "pyproject.toml": _PYPROJECT.format(name=name, module=module),
        "README.md": _README.format(name=name, module=module),
        ".gitignore": ".imports/\n.venv/\n__pycache__/\n*.egg-info/\n",
        "contacts.csv": _CONTACTS,
        f"{module}/__init__.py": "",
        f"{module}/definitions.py": _DEFINITIONS,
        f"{module}/defs/__init__.py": "",
        f"{module}/defs/ingest/defs.yaml": imports_yaml(),
    }
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    typer.echo(f"The project is in {root}. Next:\n  cd {folder}\n  dg check defs\n  dg dev")


def _is_taken(module: str, root: Path) -> bool:
    """Return True if Python or an installed package has a module of this name.

    Python also finds the project's own folder, as a package without code, if the current folder is in its path.
    """
    if module in sys.stdlib_module_names:
        return True
    found = find_spec(module)
    return found is not None and [Path(one).resolve() for one in found.submodule_search_locations or ()] != [
        root
    ]
