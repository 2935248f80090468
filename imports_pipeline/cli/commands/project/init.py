"""The command ``init``: a Dagster project of one's own, with the component ``imports_pipeline.Imports``."""

from __future__ import annotations

import re
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
    # The project is a Python package, and must not hide an installed one.
    if not module.isidentifier() or module in ("dagster", "imports_pipeline"):
        stop(f"{root.name!r} cannot be the name of a Python package; take one such as my-imports.", 2)
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
