"""Writes the ``defs.yaml`` of new components: valid as it is, and with every choice described by a comment."""

from __future__ import annotations

import ast
from typing import Any, Final

import click
import dagster as dg
import yaml

from imports_pipeline.sources.syncs import RESERVED, is_sync_name

_IMPORTS: Final = """\
type: {type}

attributes:
  # The environment variable with the URL of your PostgreSQL, version 17 or newer. While DATABASE_URL is not set, the
  # package starts a PostgreSQL of its own in `home`.
  database_variable: DATABASE_URL
  home: .imports
  # The file store: s3://bucket/prefix or a folder. Without it: `files` in `home`.
  # store: s3://bucket/prefix

  # Files that are put into uploads/<organization>/<resource>/<action>/ of the store are imported, such as
  # .imports/files/uploads/default/contact/merge/people.csv
  uploads:
    enabled: true
    after: move

  # Scheduled imports. A sync can also be a component of its own: dg scaffold defs imports_pipeline.Sync NAME
  # syncs:
{syncs}
  # The environment variable with the URL of a Slack webhook, which reports failed imports.
  # alert_variable: IMPORTS_WEBHOOK_URL
"""

_SYNC: Final = """\
type: {type}

attributes:
{sync}"""

# Every line of a sync but its name. The schedule is off the hour, as nightly exports are.
_ENTRY: Final = """\
name: {name}
resource: contact
# {{date}} is the day of the launch, such as 2026-11-23.
source: s3://exports/contacts-{{date}}.csv
cron: "30 2 * * *"
timezone: Europe/Berlin
action: overwrite
organization: default
# An older file fails the import.
max_age: 26h
match_on: [external_id]
"""


def imports_yaml(type_name: str = "imports_pipeline.Imports") -> str:
    """Return the ``defs.yaml`` of a new ``Imports``."""
    first, *rest = _indented(_ENTRY.format(name="crm_contacts"), "  #     ").splitlines()
    lines = [first.replace("#     ", "#   - "), *rest, ""]
    return _IMPORTS.format(type=type_name, syncs="\n".join(lines))


def sync_yaml(name: str, type_name: str = "imports_pipeline.Sync") -> str:
    """Return the ``defs.yaml`` of a new ``Sync`` with this name."""
    # YAML reads names such as yes as other values than texts.
    written = name if yaml.safe_load(name) == name else f'"{name}"'
    return _SYNC.format(type=type_name, sync=_indented(_ENTRY.format(name=written), "  "))


class ImportsScaffolder(dg.Scaffolder[Any]):
    """Writes the file for ``dg scaffold defs imports_pipeline.Imports``."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """Write the file."""
        _write(request, imports_yaml(request.type_name))


class SyncScaffolder(dg.Scaffolder[Any]):
    """Writes the file for ``dg scaffold defs imports_pipeline.Sync``; the folder's name is the name of the sync."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """Write the file. Raises ``click.ClickException``, which ``dg`` prints, if no sync can have the name."""
        folder = request.target_path
        name = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in folder.name)
        if reason := _name_problem(name):
            # `dg` has made the folder.
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
            raise click.ClickException(
                f"{folder.name!r} cannot be the name of a sync: {reason} Nothing was written; take a name such as"
                " nightly_contacts."
            )
        _write(request, sync_yaml(name, request.type_name))


def _name_problem(name: str) -> str | None:
    """Return why a component cannot have this name of a sync, or None."""
    if not is_sync_name(name):
        return f"a name has 3 to 100 letters, digits and `_`, and is not `{RESERVED}`."
    try:
        ast.literal_eval(name)
    except (ValueError, SyntaxError):
        return None
    # The templates of `defs.yaml` make a number of 2026, in quotes too.
    return "Dagster reads it as a value of Python, such as a number, and not as a text."


def _write(request: dg.ScaffoldRequest[Any], text: str) -> None:
    if request.scaffold_format != "yaml":
        dg.scaffold_component(request)
    elif request.append:
        with request.target_path.open("a") as file:
            file.write(f"---\n{text}")
    else:
        (request.target_path / "defs.yaml").write_text(text)


def _indented(text: str, by: str) -> str:
    return "".join(f"{by}{line}\n" for line in text.splitlines())
