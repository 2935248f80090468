"""The parameters of the commands ``api``, ``pages`` and ``keys``; ``api_keys.py`` and ``pages.py`` do the work."""

from __future__ import annotations

from typing import Annotated

import typer

from imports_pipeline.cli import arguments as a

keys = typer.Typer(no_args_is_help=True, help="Create, list and revoke keys of the HTTP API.")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the Typer application."""
    app.add_typer(keys, name="keys")
    app.command()(api)
    app.command()(pages)


def api(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8000,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve the HTTP API until Ctrl-C."""
    from imports_pipeline.cli.commands.api_keys import serve

    serve(host, port)


def pages(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8080,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve the pages for people who send files and approve, until Ctrl-C. IMPORTS_API_URL names the API."""
    from imports_pipeline.cli.commands.pages import serve

    serve(host, port)


@keys.command(name="create")
def create(
    scope: Annotated[
        list[str], typer.Option(help="A scope of the key, such as imports:write; may be repeated.")
    ],
    organization: a.Organization = "default",
    name: Annotated[str | None, typer.Option(help="A name by which people recognise the key.")] = None,
    expires: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="The lifetime of the key: a number and s, m, h or d, such as 90d."),
    ] = None,
    as_json: a.AsJson = False,
) -> None:
    """Create a key and print it; it is not shown again."""
    from imports_pipeline.cli.commands.api_keys import create_key

    create_key(organization, scope, name, expires, as_json=as_json)


@keys.command(name="list")
def list_(
    organization: Annotated[
        str | None, typer.Option(help="Only keys of this organization.", envvar="IMPORTS_ORGANIZATION")
    ] = None,
    as_json: a.AsJson = False,
) -> None:
    """List the keys, without their secrets."""
    from imports_pipeline.cli.commands.api_keys import list_keys

    list_keys(organization, as_json=as_json)


@keys.command(name="revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `keys list` shows it.")],
    as_json: a.AsJson = False,
) -> None:
    """Revoke a key at once."""
    from imports_pipeline.cli.commands.api_keys import revoke_key

    revoke_key(key_id, as_json=as_json)
