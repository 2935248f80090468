"""What a command says, and exits with, when Ctrl-C or SIGTERM stopped it: one sentence, and no traceback."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from imports_pipeline.cli.session import stop
from imports_pipeline.model.imports import Import
from imports_pipeline.model.statuses import Status
from imports_pipeline.workflow.signals import signal_received, stoppable


@contextmanager
def stopping_clearly() -> Iterator[None]:
    """Listen for SIGINT and SIGTERM in the block; exits with 130 or 143 where no import could be asked to end."""
    with stoppable():
        try:
            yield
        except KeyboardInterrupt:
            number = signal_received() or signal.SIGINT
            stop(
                f"stopped by {_name(number)} before an import was under way; nothing was written.",
                128 + number,
            )


def say_stopped(import_: Import) -> None:
    """Say what became of an import that a signal stopped, and exit with 130 or 143; do nothing if none did.

    An import that was committed before the signal came is no failure: the caller goes on to its own exit status.
    """
    number = signal_received()
    if number is None:
        return
    if import_.status is Status.COMPLETED:
        typer.echo(
            f"imports-pipeline: {_name(number)} came too late: {import_.id} had been completed.", err=True
        )
        return
    if import_.status is Status.QUEUED:
        what = "is queued and will be written"
    else:
        what = f"ended ({import_.status}) and wrote nothing"
    stop(f"stopped by {_name(number)}; {import_.id} {what}.", 128 + number)


def _name(number: int) -> str:
    return "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
