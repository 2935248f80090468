"""The command ``housekeeping``, which removes expired data."""

from __future__ import annotations

from dataclasses import asdict

import typer

from imports_pipeline.cli.output import print_json
from imports_pipeline.cli.session import session


def housekeeping(*, as_json: bool) -> None:
    """Remove expired data and print what was removed."""
    with session() as workflow:
        from imports_pipeline.workflow.housekeeping import housekeep

        with workflow.database.connect() as connection:
            removed = housekeep(connection, workflow.store, workflow.settings)
        print_json(asdict(removed)) if as_json else typer.echo(removed.sentence())
