"""Progress of an import on a terminal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from imports_pipeline.workflow.import_workflow import ImportWorkflow


@contextmanager
def progress(workflow: ImportWorkflow, import_id: str) -> Iterator[None]:
    """Show the running phase on standard error during the block, if that is a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    ended = threading.Event()
    with console.status("starting") as status:

        def follow() -> None:
            while not ended.wait(0.3):
                try:
                    import_ = workflow.get(import_id)
                except psycopg.Error:
                    # The command itself reports the lost database.
                    return
                done = [f"{report['name']} {report['success']:,}" for report in import_.phases]
                status.update(" → ".join([*done, import_.status.value]))

        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        try:
            yield
        finally:
            ended.set()
            follower.join()
