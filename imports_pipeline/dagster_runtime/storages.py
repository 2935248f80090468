"""Dagster's storages of runs and schedules in PostgreSQL, which do not look up again what cannot have changed.

``dagster.yaml`` refers to the classes of this module and of ``event_storage.py``. Dagster opens six connections to ask
if its tables exist before it does anything, and looks up the columns of a table with each run that it stores. That is
a thirtieth of the time of an import of ten rows. In an installation whose own ``dagster.yaml`` does not name these
classes, it still does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from dagster_postgres import PostgresRunStorage, PostgresScheduleStorage
from dagster_postgres.utils import get_token_provider_from_config, pg_url_from_config

from imports_pipeline.dagster_runtime.dagster_environment import TABLES_EXIST

if TYPE_CHECKING:
    from dagster._serdes import ConfigurableClassData


class OfKnownTables:
    """A storage that creates no tables if they were found when the environment of this process was prepared."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Create the storage of an instance."""
        creates_tables = config_value.get("should_autocreate_tables", True)
        # The constructors of Dagster's storages in PostgreSQL take the same arguments.
        storage: Any = cls
        created: Self = storage(
            pg_url_from_config(config_value),
            creates_tables and not os.environ.get(TABLES_EXIST),
            inst_data,
            get_token_provider_from_config(config_value),
        )
        return created


class ImportsRunStorage(OfKnownTables, PostgresRunStorage):
    """Dagster's storage of runs in PostgreSQL."""

    _has_times = False

    def has_run_stats_index_cols(self) -> bool:
        """Return True if the table of runs has columns of their times. A migration of Dagster adds them."""
        self._has_times = self._has_times or super().has_run_stats_index_cols()
        return self._has_times


class ImportsScheduleStorage(OfKnownTables, PostgresScheduleStorage):
    """Dagster's storage of schedules and sensors in PostgreSQL."""
