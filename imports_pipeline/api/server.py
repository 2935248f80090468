"""The uvicorn server of the API."""

from __future__ import annotations

import logging
import threading
from types import FrameType

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
    closing = threading.Event()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    config = uvicorn.Config(
        create_app(settings, database_url, open_store(settings), closing),
        host=host,
        port=port,
        log_level="warning",
        # An access log would record signed URLs, whose paths are secrets.
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=30,
    )
    _Server(config, closing).run()


class _Server(uvicorn.Server):
    """A server that says when it is asked to stop, before it waits for the requests that are running."""

    def __init__(self, config: uvicorn.Config, closing: threading.Event) -> None:
        super().__init__(config)
        self._closing = closing

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._closing.set()
        super().handle_exit(sig, frame)
