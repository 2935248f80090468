"""Copies the items of a batch into its staging table while transforming still writes them to their file.

PostgreSQL would wait for the file meanwhile. The items are committed on a connection of their own, with a token that
the file has too. ``parsing`` takes them if it finds that token, and else copies the file.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from contextvars import copy_context
from queue import Full, Queue
from typing import Any, Final

import psycopg
import pyarrow as pa

from imports_pipeline.batch_phases.staging import Staging, item_columns
from imports_pipeline.database.copy import copy_in

#: The least number of rows for which a second connection pays.
LEAST_ROWS: Final = 50_000
# Rows that become CSV at once.
_ROWS: Final = 20_000


class _Stopped(Exception):
    """Transforming has failed, so its items are not committed."""


class EarlyStaging(AbstractContextManager["EarlyStaging"]):
    """The early copy of one batch's items. A block that ends without ``end`` leaves nothing."""

    def __init__(
        self, connect: Callable[[], AbstractContextManager[psycopg.Connection[Any]]], batch_id: str
    ) -> None:
        """Take what opens a connection, and the batch."""
        self._connect, self._batch_id = connect, batch_id
        self._waiting: Queue[pa.Table | None] = Queue(1)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="staging")
        self._copying: Future[str] | None = None
        self._ends = False

    def begin(self, fields: Sequence[str], rows: int) -> None:
        """Begin to copy items of these fields, unless there are too few ``rows``."""
        if rows >= LEAST_ROWS:
            self._copying = self._pool.submit(copy_context().run, self._copy, fields)

    def add(self, items: pa.Table) -> None:
        """Copy items, which have the columns of ``items.parquet``."""
        self._put(items)

    def end(self) -> str | None:
        """Return the token of the items after their commit, or ``None`` if they could not be copied."""
        if self._copying is None:
            return None
        self._ends = True
        self._put(None)
        # The error is not lost: parsing copies the file and meets it again.
        with suppress(psycopg.Error):
            return self._copying.result()
        return None

    def __exit__(self, *_: object) -> None:
        """Stop the copy if it has not ended."""
        if self._copying is not None and not self._ends:
            self._put(None)
        self._pool.shutdown()

    def _put(self, items: pa.Table | None) -> None:
        while self._copying is not None and not self._copying.done():
            with suppress(Full):
                self._waiting.put(items, timeout=0.1)
                return

    def _copy(self, fields: Sequence[str]) -> str:
        staging, token = Staging(self._batch_id), secrets.token_hex(16)
        with self._connect() as connection, connection.transaction():
            # The tables of an earlier attempt may be locked by the transaction that waits for this one.
            connection.execute("SET LOCAL lock_timeout = '1s'")
            staging.create(connection, fields)
            copy_in(connection, staging.items, item_columns(fields), self._batches())
            staging.mark(connection, token)
        return token

    def _batches(self) -> Iterator[pa.RecordBatch]:
        while (items := self._waiting.get()) is not None:
            yield from items.to_batches(_ROWS)
        if not self._ends:
            raise _Stopped
