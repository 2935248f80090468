"""The rejection of a refused import: it is not to be approved, and the import says who decided that, and why."""

from __future__ import annotations

from typing import Any, Final

import psycopg

from imports_pipeline.model.imports import Import
from imports_pipeline.registry import import_records, import_updates
from imports_pipeline.workflow.decisions.refusable import Undecidable, is_refused

#: The largest number of characters of a reason.
LONGEST_REASON: Final = 1000


def reject(
    connection: psycopg.Connection[Any], refused: Import, *, reason: str, rejected_by: str | None
) -> Import:
    """Record that a refused import is not to be approved, and return it.

    The same person may send the same rejection again; nothing changes.

    Raises:
        Undecidable: the import was not refused, was approved, or was rejected by somebody else or for another reason.
    """
    who, reason = rejected_by or "somebody", " ".join(reason.split())[:LONGEST_REASON]
    with connection.transaction():
        # Somebody who approves or rejects it at the same time waits here.
        connection.execute("SELECT FROM imports WHERE id = %s FOR UPDATE", (refused.id,))
        refused = import_records.get_import(connection, refused.id)
        if not is_refused(refused):
            raise Undecidable(
                "nothing_to_reject",
                f"{refused.id} ({refused.status}) does not wait for an approval; there is nothing to reject.",
            )
        if refused.approval is not None:
            raise Undecidable(
                "nothing_to_reject",
                f"{refused.id} has been approved, by the import {refused.approval}; cancel or revert that.",
            )
        if refused.rejected_by is None:
            import_updates.update_import(connection, refused.id, rejected_by=who, rejection_reason=reason)
        elif (refused.rejected_by, refused.rejection_reason) != (who, reason):
            raise Undecidable(
                "already_rejected",
                f"{refused.id} was rejected already, by {refused.rejected_by} ({refused.rejection_reason}).",
            )
        return import_records.get_import(connection, refused.id)
