"""Describes the error of a failed run in one sentence, without a traceback."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

# The messages of our own exceptions are sentences. For other exceptions the class name is shown with the message.
_OURS = "imports_pipeline."


def sentence(events: Iterable[dg.DagsterEvent]) -> str | None:
    """Return a sentence with the error of the first failed step, or None if no step has failed."""
    for event in events:
        if not event.is_step_failure:
            continue
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is None:
            continue
        text = error.message.strip().splitlines()[0]
        if text.startswith(_OURS):
            text = text.partition(": ")[2] or text
        return f"A fault of the machine in {event.step_key}: {text.rstrip('.')}."
    return None
