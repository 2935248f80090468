"""The message and the exit status of a command that Ctrl-C or SIGTERM stopped, in place of a traceback."""

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
def report_interruption() -> Iterator[None]:
    """Handle SIGINT and SIGTERM in the block; exit with 130 or 143 if no import had begun that could be canceled."""
    with stoppable():
        try:
            yield
        except KeyboardInterrupt:
            number = signal_received() or signal.SIGINT
            stop(
                f"stopped by {_name(number)} before an import had begun; nothing was written.",
                128 + number,
            )


def report_stopped(import_: Import) -> None:
    """Print how an import ended that a signal stopped, and exit with 130 or 143. Do nothing without a signal.

    If the import was committed before the signal, return: it is completed, and the caller sets the exit status.
    """
    number = signal_received()
    if number is None:
        return
    if import_.status is Status.COMPLETED:
        typer.echo(
            f"imports-pipeline: {_name(number)} came too late; {import_.id} was already completed.", err=True
        )
        return
    if import_.status is Status.QUEUED:
        what = "is queued and will be written"
    else:
        what = f"ended ({import_.status}) and wrote nothing"
    stop(f"stopped by {_name(number)}; {import_.id} {what}.", 128 + number)


def _name(number: int) -> str:
    return "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
