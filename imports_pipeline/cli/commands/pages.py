"""The command ``pages``: serves the pages, if their extra is installed."""

from __future__ import annotations

import socket
from importlib.util import find_spec

import typer

from imports_pipeline.cli.session import stop


def serve(host: str, port: int) -> None:
    """Serve the pages until Ctrl-C."""
    if find_spec("nicegui") is None:
        stop("The pages are not installed: pip install 'imports-pipeline[pages]'")
    from imports_pipeline.pages.app import serve as run
    from imports_pipeline.pages.settings import PagesSettings

    try:
        settings = PagesSettings.read()
    except ValueError as error:
        stop(str(error))
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            stop(f"Port {port} of {host} cannot be used ({error.strerror}); choose another one with --port.")
    typer.echo(f"The pages are at http://{f'[{host}]' if ':' in host else host}:{port} (Ctrl-C stops them).")
    run(settings, host, port)
