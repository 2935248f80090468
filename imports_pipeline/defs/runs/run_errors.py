"""What broke in a run that failed, as a sentence without a traceback."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

# Our own exceptions hold sentences; of others the kind says as much as the message.
_OURS = "imports_pipeline."


def sentence(events: Iterable[dg.DagsterEvent]) -> str | None:
    """Return what the first step that failed met; nothing where no step failed."""
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
