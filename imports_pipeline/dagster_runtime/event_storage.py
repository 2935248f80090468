"""Stores the events of runs in PostgreSQL, without what no page of Dagster shows, and finds results of checks fast.

``dagster.yaml`` refers to the class of this module. Dagster has no option that leaves out kinds of events, but its
storage of events is replaceable. Of the 42 events of an import of ten rows, this class leaves out four, and 9 of 50 KB.
In an installation whose own ``dagster.yaml`` does not name it, the events are larger, and pages of checks slower.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

import dagster as dg
from dagster import EventLogEntry
from dagster_postgres import PostgresEventLogStorage

from imports_pipeline.dagster_runtime.storages import OfKnownTables

if TYPE_CHECKING:
    from dagster._core.event_api import PartitionKeyFilter
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord

# The resources of a run are always the same, and are ready within milliseconds. If one fails, that is another event.
_LEFT_OUT: Final = (dg.DagsterEventType.RESOURCE_INIT_STARTED, dg.DagsterEventType.RESOURCE_INIT_SUCCESS)
# The first and last event of the in-process executor repeat the steps and the start and end of the run.
_EXECUTOR: Final = ("Executing steps in process", "Finished steps in process")
# Two events for each step. PostgreSQL compresses only rows of more than 2 KB, so it stores these as they are.
# Materializations are kept for a year. Compressed they fill 2 KB, which is one piece of PostgreSQL's storage.
_REPEATING: Final = (
    dg.DagsterEventType.STEP_START,
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
)


class ImportsEventLogStorage(OfKnownTables, PostgresEventLogStorage):
    """Dagster's storage of events in PostgreSQL, without what no page shows, and with fast pages of checks."""

    def has_table(self, table_name: str) -> bool:
        """Return True if there is a table with this name in Dagster's schema. A migration of Dagster adds some."""
        if not self._tables.get(table_name):
            self._tables[table_name] = super().has_table(table_name)
        return self._tables[table_name]

    @cached_property
    def _tables(self) -> dict[str, bool]:
        return {}

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event, unless no page shows it."""
        if not _is_left_out(event):
            super().store_event(_without_repetitions(event))

    def get_latest_asset_check_execution_by_key(
        self,
        check_keys: Sequence[dg.AssetCheckKey],
        partition_filter: PartitionKeyFilter | None = None,
    ) -> Mapping[dg.AssetCheckKey, AssetCheckExecutionRecord]:
        """Return the newest result of each check that has one.

        Dagster's own statement reads the index entries of all results of these checks, because PostgreSQL does not
        skip within a group: 100 ms after 100,000 imports. The history of a check is read from its end.
        """
        newest = {
            key: self.get_asset_check_execution_history(key, limit=1, partition_filter=partition_filter)
            for key in check_keys
        }
        return {key: records[0] for key, records in newest.items() if records}


def _is_left_out(event: EventLogEntry) -> bool:
    if event.dagster_event_type is dg.DagsterEventType.ENGINE_EVENT:
        return event.message.startswith(_EXECUTOR)
    return event.dagster_event_type in _LEFT_OUT


def _without_repetitions(event: EventLogEntry) -> EventLogEntry:
    """Return an event without the copy of its message, and without tags that repeat its other fields."""
    inner = event.dagster_event
    if inner is None or inner.event_type not in _REPEATING or inner.message != event.user_message:
        return event
    return event._replace(user_message="", dagster_event=inner._replace(logging_tags={}))
