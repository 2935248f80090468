"""Assembly of the pages: routes, middleware, and the server."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from nicegui import app, ui

from imports_pipeline.pages import runtime, security, uploads
from imports_pipeline.pages.settings import PagesSettings

_STATIC: Final = Path(__file__).parent / "static"
#: Seconds after which sessions whose time is over are ended and their open pages closed.
_SWEEP_SECONDS: Final = 20.0
#: Seconds without a connection that an open page survives.
_RECONNECT_SECONDS: Final = 60.0


def serve(settings: PagesSettings, host: str, port: int) -> None:
    """Serve the pages until Ctrl-C."""
    # Importing a screen registers its pages.
    from imports_pipeline.pages.screens import (  # noqa: F401
        approvals,
        downloads,
        import_page,
        imports_list,
        mend,
        plan,
        send,
        sign_in,
        understand,
    )

    shared = runtime.start(settings)
    app.middleware("http")(security.add_headers)
    app.include_router(uploads.router)
    app.add_static_files("/static", _STATIC)
    app.on_shutdown(shared.api.close)

    def sweep() -> None:
        for session in shared.sessions.expired():
            runtime.end_session(session.token, "over")

    app.timer(_SWEEP_SECONDS, sweep)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "success"}

    # The bar of Quasar for requests has no name for screen readers, and Send shows its own progress.
    app.config.quasar_config["loadingBar"] = {"skipHijack": True}
    # httpx logs every request with its address at INFO.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    ui.run(
        host=host,
        port=port,
        title="Imports",
        language="en-US",
        dark=False,
        reload=False,
        show=False,
        show_welcome_message=False,
        reconnect_timeout=_RECONNECT_SECONDS,
    )
