"""``--version``, and what ``--help`` says beside descriptions: groups of commands, examples and exit statuses."""

from __future__ import annotations

from typing import Annotated, Final

import typer

_GROUPS: Final = {
    "Import": ("run", "check", "read", "batch", "approve", "reject", "mappings", "known-files", "init"),
    "Look": ("list", "show", "errors", "history", "export", "batches", "uploads", "syncs"),
    "Undo": ("cancel", "revert"),
    "Operate": (
        "dev", "api", "pages", "keys", "locations", "limits", "housekeeping", "migrate", "warm", "worker", "exec",
    ),
}  # fmt: skip
_LAST: Final = "Operate"

#: An example of each command, without the program's name.
EXAMPLES: Final = {
    "run": "run people.csv --resource contact --action merge",
    "check": "check people.csv --resource contact --errors rejected.csv",
    "read": "read people.csv --limit 5",
    "batch": "batch items.json --resource contact --action merge",
    "approve": "approve imp_01h2xcejqtf2nbrexx3vqjhp41 --max-deletions 25",
    "reject": "reject imp_01h2xcejqtf2nbrexx3vqjhp41 --reason 'Oslo is missing'",
    "mappings": "mappings save crm people.csv --resource contact --column-mapping name=Person",
    "known-files": "known-files google-contacts",
    "init": "init my-imports",
    "list": "list --status failed --limit 50",
    "show": "show imp_01h2xcejqtf2nbrexx3vqjhp41 --json",
    "errors": "errors imp_01h2xcejqtf2nbrexx3vqjhp41 > rejected.csv",
    "history": "history contact ctct_01h2xcejqtf2nbrexx3vqjhp41",
    "export": "export contact > contacts.csv",
    "batches": "batches --limit 5",
    "uploads": "uploads --state skipped",
    "syncs": "syncs run crm_contacts --file examples/syncs.yaml --dry-run",
    "cancel": "cancel imp_01h2xcejqtf2nbrexx3vqjhp41",
    "revert": "revert imp_01h2xcejqtf2nbrexx3vqjhp41 --dry-run",
    "dev": "dev --port 3000 --api-port 8000",
    "api": "api --port 8000",
    "pages": "pages --port 8080",
    "keys": "keys create --scope imports:write --name crm --expires 90d",
    "locations": "locations add Berlin",
    "limits": "limits --deletion-percent 20",
    "housekeeping": "housekeeping --dry-run",
    "migrate": "migrate",
    "warm": "warm",
    "worker": "worker --concurrency 4",
    "exec": "exec dagster-daemon run",
}
#: The exit statuses of all commands.
STATUSES: Final = (
    "Exit statuses: 0 success; 1 failed, or there is no such import; 2 wrong usage, and no import was registered; 3 the"
    " database was lost; 130 and 143 stopped by Ctrl-C or SIGTERM."
)


def describe(app: typer.Typer) -> None:
    """Add ``--version``, groups, examples and exit statuses to a Typer application that has all its commands."""
    app.callback()(_program)
    group_of = {name: group for group, names in _GROUPS.items() for name in names}
    # The groups are printed in the order in which their first commands were added.
    order = {name: place for place, name in enumerate(group_of)}
    app.registered_commands.sort(key=lambda one: order.get(_name(one), len(order)))
    app.registered_groups.sort(key=lambda one: order.get(one.name or "", len(order)))
    for command in app.registered_commands:
        command.rich_help_panel = group_of.get(_name(command), _LAST)
        command.epilog = _epilog(_name(command))
    for group in app.registered_groups:
        name = group.name or ""
        group.rich_help_panel = group_of.get(name, _LAST)
        group.epilog = _epilog(name)
    app.info.epilog = _epilog("run")


def _epilog(name: str) -> str:
    example = f"Example: imports-pipeline {EXAMPLES[name]}\n\n" if name in EXAMPLES else ""
    return example + STATUSES


def _name(command: typer.models.CommandInfo) -> str:
    assert command.callback is not None
    return command.name or command.callback.__name__.replace("_", "-")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"imports-pipeline {version('imports-pipeline')}")
        raise typer.Exit


def _program(
    _version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit."),
    ] = False,
) -> None:
    """Import contacts and groups by CSV: merge, overwrite, delete."""
