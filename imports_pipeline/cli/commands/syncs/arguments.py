"""The parameters of the commands ``syncs list`` and ``syncs run``; ``actions.py`` does the work."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from imports_pipeline.cli import arguments as a


class _ListsByDefault(TyperGroup):
    """A group of commands that takes ``syncs FILE`` for ``syncs list FILE``, as older versions wrote it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``list`` before arguments that name no command."""
        if "--help" not in args and (not args or args[0] not in self.commands):
            args = ["list", *args]
        return super().parse_args(ctx, args)


syncs = typer.Typer(cls=_ListsByDefault, help="List the scheduled syncs, or run one of them now.")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the Typer application."""
    app.add_typer(syncs, name="syncs")


@syncs.command(name="list")
def list_(
    file: Annotated[
        str | None, typer.Argument(help="The file of syncs; the default is IMPORTS_SYNCS.")
    ] = None,
    as_json: a.AsJson = False,
) -> None:
    """List the scheduled syncs with their next run, and the errors of the file."""
    from imports_pipeline.cli.commands.syncs.actions import list_syncs

    list_syncs(file, as_json=as_json)


@syncs.command(name="run")
def run(
    name: Annotated[str, typer.Argument(help="The name of the sync.")],
    file: Annotated[
        str | None, typer.Option(help="The file of syncs; the default is IMPORTS_SYNCS.", metavar="FILE")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only make the plan and write nothing.")] = False,
    date: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="DATE",
            help="The day for {date} in the source; the default is today.",
        ),
    ] = None,
    as_json: a.AsJson = False,
) -> None:
    """Import the source of a sync now, with the options of the file."""
    from imports_pipeline.cli.commands.syncs.actions import run_sync

    run_sync(name, file, day=date, dry_run=dry_run, as_json=as_json)
