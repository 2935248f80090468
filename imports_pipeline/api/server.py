"""The uvicorn server of the API."""

from __future__ import annotations

import logging

import uvicorn

from imports_pipeline.api.app import create_app
from imports_pipeline.database.row_security import Access
from imports_pipeline.filestore.opening import open_store
from imports_pipeline.settings import Settings


def serve(settings: Settings, database_url: str, host: str, port: int) -> None:
    """Serve the API until SIGINT or SIGTERM, then finish the requests that are running.

    Raises:
        DatabaseUnavailable: the database does not respond, or row security is not set up in it.
    """
    access = Access(database_url)
    access.open()
    try:
        access.check()
    finally:
        access.close()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    config = uvicorn.Config(
        create_app(settings, database_url, open_store(settings)),
        host=host,
        port=port,
        log_level="warning",
        # An access log would record signed URLs, whose paths are secrets.
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=30,
    )
    uvicorn.Server(config).run()
