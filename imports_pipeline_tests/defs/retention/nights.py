"""Old runs for the tests of the retention, and processes that die in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import dagster as dg
import psycopg
from dagster import DagsterInstance

from imports_pipeline.model.statuses import Status
from imports_pipeline.workflow.retention.dagster_retention import Retained
from imports_pipeline_tests.defs.runs import CONTENT, of_organization, run
from imports_pipeline_tests.journeys import Imports

Retain = Callable[..., Retained]


class Killed(BaseException):
    """The process ends here."""


class Dying:
    """A connection of a process that dies after so many statements."""

    def __init__(self, connection: psycopg.Connection[Any], statements: int) -> None:
        self._connection, self._left = connection, statements
        self.transaction = connection.transaction

    def execute(self, *given: Any) -> Any:
        if not self._left:
            raise Killed
        self._left -= 1
        return self._connection.execute(*given)


def age(imports: Imports, days: int, *runs: dg.DagsterRun) -> None:
    """Let the runs be so many days old."""
    found = imports.query(
        "UPDATE dagster.runs SET create_timestamp = create_timestamp - age, update_timestamp = update_timestamp - age"
        " FROM (SELECT %s::interval AS age) WHERE run_id = ANY(%s) RETURNING id",
        timedelta(days=days),
        [run.run_id for run in runs],
    )
    assert len(found) == len(runs)


def import_files(imports: Imports, instance: DagsterInstance, number: int) -> list[dg.DagsterRun]:
    """Import so many files; return their runs, without the last one, which holds the last results."""
    for _ in range(number + 1):
        assert run(imports, imports.register(CONTENT, mode="sync")).status is Status.COMPLETED
    return of_organization(instance, imports)[:-1]
