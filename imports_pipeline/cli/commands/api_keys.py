"""The commands of the HTTP API: serve it, and create, list and revoke its keys."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import typer

from imports_pipeline.cli.output import print_json
from imports_pipeline.cli.session import interruptible, reading, session, stop
from imports_pipeline.cli.tables import Column, print_table, shown_time
from imports_pipeline.database.row_security import DatabaseUnavailable
from imports_pipeline.model.option_values import InvalidOption, seconds_of
from imports_pipeline.registry import api_keys


def serve(host: str, port: int) -> None:
    """Serve the API until Ctrl-C."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            stop(f"Port {port} of {host} cannot be used ({error.strerror}); choose another one with --port.")
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    # The worker processes sign URLs too, and they read this variable.
    os.environ.setdefault("IMPORTS_API_URL", url)
    with suppress(KeyboardInterrupt), interruptible(), session() as workflow:
        from imports_pipeline.api.server import serve as run

        typer.echo(f"The Imports API is at {url} (Ctrl-C stops it).")
        settings = replace(workflow.settings, api_url=os.environ["IMPORTS_API_URL"])
        try:
            run(settings, workflow.database.url, host, port)
        except DatabaseUnavailable as error:
            stop(str(error))


def create_key(
    organization: str, scopes: Sequence[str], name: str | None, expires: str | None, *, as_json: bool
) -> None:
    """Create a key and print it; only its hash is stored."""
    try:
        lasts = None if expires is None else timedelta(seconds=seconds_of(expires))
    except InvalidOption:
        stop(f"--expires takes a number and s, m, h or d, such as 90d, not {expires!r}", 2)
    with session() as workflow, workflow.database.connect() as connection:
        expires_at = None if lasts is None else datetime.now(UTC) + lasts
        try:
            key, text = api_keys.create(connection, organization, scopes, name=name, expires_at=expires_at)
        except api_keys.InvalidKey as error:
            stop(str(error), 2)
    if as_json:
        print_json({**key.as_object(), "key": text})
        return
    typer.echo(text)
    typer.echo("Store this key now: it is not shown again, because only its hash is kept.", err=True)


def list_keys(organization: str | None, *, as_json: bool) -> None:
    """Print the keys without their secrets."""
    with reading() as installation, installation.database.connect() as connection:
        shown = [key.as_object() for key in api_keys.list_keys(connection, organization)]
    if as_json:
        print_json(shown)
        return
    columns = (
        Column("id"),
        Column("organization", text=True),
        Column("name", text=True),
        Column("scopes", rank=1, text=True),
        Column("created (UTC)", rank=4),
        Column("expires (UTC)", rank=3),
        Column("revoked (UTC)", rank=2),
    )
    print_table(
        columns,
        (
            (
                one["id"],
                one["organization_id"],
                one["name"] or "",
                " ".join(one["scopes"]),
                *(shown_time(one[name]) for name in ("created_at", "expires_at", "revoked_at")),
            )
            for one in shown
        ),
    )


def revoke_key(key_id: str, *, as_json: bool) -> None:
    """Revoke a key."""
    with session(create=False) as workflow, workflow.database.connect() as connection:
        try:
            key = api_keys.revoke(connection, key_id)
        except api_keys.InvalidKey as error:
            stop(str(error))
    print_json(key.as_object()) if as_json else typer.echo(f"The key {key_id} is revoked.")
