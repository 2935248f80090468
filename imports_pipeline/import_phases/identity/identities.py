"""Find the stored record of each row, for all rows of an import at once, by PostgreSQL.

A row is matched by the first key of ``match_on`` that it fills in. Its other filled-in keys must not point at
another record. A row that fills in no key is matched by its values (``equal_records.py``). The SQL is in
``identity_queries.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from imports_pipeline.database.copy import copy_in, copy_out
from imports_pipeline.database.statistics import analyze
from imports_pipeline.import_phases.identity.equal_records import EqualRecords
from imports_pipeline.import_phases.identity.identity_queries import AGREEING, OTHERS, IdentityQueries
from imports_pipeline.schemas.catalog import IdentityKey, Resource

#: The name under which ``Matcher.count`` counts rows without keys that were matched by their values.
BY_VALUES: Final = "values"


@dataclass(frozen=True)
class Matches:
    """The matches of some rows, in their order: ``id`` and ``problem`` are null where no record is stored.

    Attributes:
        id: the id of the stored record.
        problem: the code of the error, if the row does not identify one record.
        detail: the message of the error.
        stored: the stored values of each immutable field, by the field's name.
    """

    id: pa.Array
    problem: pa.Array
    detail: pa.Array
    stored: dict[str, pa.Array]


class Matcher:
    """Matches rows to stored records: first ``stage`` the keys of all rows, then ``next`` batch by batch."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        import_id: str,
        organization_id: str,
        resource: Resource,
        keys: Sequence[IdentityKey],
        fields: Sequence[str],
        equal: EqualRecords,
    ) -> None:
        """Match by those ``keys`` whose fields the file has; the connection is busy until all rows are read."""
        self._equal = equal
        # Rows without keys that became new records, of those that ``count`` has counted.
        self.new_without_keys = 0
        self._connection = connection
        # A temporary table would be scanned by one process, this one is scanned by several.
        self._staged = sql.Identifier("staging", f"keys_{import_id.removeprefix('imp_')}")
        self._parameters = {"organization": organization_id}
        self._resource = resource
        self._keys = [key for key in keys if all(field in fields for field in key.fields)]
        self._queries = IdentityQueries(resource, self._keys)
        self.fields = list(dict.fromkeys(field for key in self._keys for field in key.fields))
        self._schema = pa.schema(
            [("line", pa.int64()), ("id", pa.string()), ("problem", pa.string()), ("detail", pa.string())]
            + [(name, pa.string()) for name in resource.immutable]
        )
        self._found: Iterator[pa.RecordBatch] = iter(())
        # Matches that were read from ``_found`` and belong to rows after those of the last call of ``next``.
        self._ahead = self._schema.empty_table()

    def stage(self, rows: Callable[[Sequence[str]], Iterator[pa.RecordBatch]]) -> None:
        """Start matching all rows.

        This must run in a transaction. If the transaction fails, its rollback drops the tables created here; otherwise
        ``forget`` drops them.

        Args:
            rows: returns ``line`` and the named fields of every row, in ascending order of line.
        """
        if self._connection.execute(self._queries.has_records(), self._parameters).fetchone() == (False,):
            return
        queries: list[sql.Composable] = []
        lacks_keys = not self.fields
        if self.fields:
            count, lacking = self._stage_keys(rows(self.fields))
            queries.append(self._match_keys(count))
            lacks_keys = lacking > 0
        if lacks_keys and self._equal.fields and self._equal.exist():
            values = dict.fromkeys((*self.fields, *(field.name for field in self._equal.fields)))
            without_keys = (batch.filter(self._without_keys(batch)) for batch in rows(list(values)))
            self._equal.match(without_keys, self._staged if "id" in self.fields else None)
            queries.append(self._queries.match_values())
        if queries:
            self._found = copy_out(
                self._connection,
                sql.SQL(" UNION ALL ").join(queries),
                self._parameters,
                self._schema,
                order_by="line",
            )

    def _stage_keys(self, batches: Iterator[pa.RecordBatch]) -> tuple[int, int]:
        """Copy the keys of all rows to PostgreSQL; return the number of rows, and of those that lack all keys."""
        lacking = 0

        def counted() -> Iterator[pa.RecordBatch]:
            nonlocal lacking
            for batch in batches:
                lacking += pc.sum(self._without_keys(batch)).as_py() or 0
                yield batch

        self._connection.execute(self._queries.create_keys(self._staged))
        names = ["line", *(f"key_{field}" for field in self.fields)]
        count = copy_in(self._connection, self._staged, names, counted())
        analyze(self._connection, self._staged)
        return count, lacking

    def _match_keys(self, count: int) -> sql.Composable:
        """Return the query that finds the matches of the ``count`` staged rows; create the tables that it reads.

        Most rows of a file that is imported again agree in every key with the record of their first key. If the
        first key is unique, one join finds them all. Only the other rows need a lookup of each key by itself, with a
        count of its matches.
        """
        if not self._queries.is_unique(self._keys[0]):
            return self._queries.match_each_key(self._staged)
        agreeing = self._connection.execute(
            self._queries.create_agreeing(self._staged), self._parameters
        ).rowcount
        if not agreeing:
            return self._queries.match_each_key(self._staged)
        if agreeing == count:
            return self._queries.match_agreeing()
        self._connection.execute(self._queries.create_others(self._staged))
        analyze(self._connection, OTHERS)
        return sql.SQL("{} UNION ALL {}").format(
            self._queries.match_agreeing(), self._queries.match_each_key(OTHERS)
        )

    def next(self, lines: pa.Array) -> Matches:
        """Return the matches of the next rows: ascending lines, each call after the one before."""
        last = lines[-1].as_py() if len(lines) else -1
        while not self._ahead.num_rows or self._ahead["line"][-1].as_py() < last:
            batch = next(self._found, None)
            if batch is None:
                break
            self._ahead = pa.concat_tables([self._ahead, pa.Table.from_batches([batch])]).combine_chunks()
        place = pc.index_in(lines, value_set=self._ahead["line"].combine_chunks())
        taken = {name: self._ahead[name].combine_chunks().take(place) for name in self._schema.names}
        used = int(np.searchsorted(self._ahead["line"].to_numpy(), last, side="right"))
        self._ahead = self._ahead.slice(used)
        stored = {name: taken[name] for name in self._resource.immutable}
        return Matches(taken["id"], taken["problem"], taken["detail"], stored)

    def forget(self) -> None:
        """Drop the tables that ``stage`` created, after the last row was matched."""
        # The COPY of the matches ends only when the iterator has been read past its last row.
        for _ in self._found:
            pass
        for table in (self._staged, AGREEING, OTHERS):
            self._connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
        self._equal.forget()

    def count(self, batch: pa.RecordBatch, is_new: pa.Array, matched: Counter[str]) -> None:
        """Add to ``matched`` the number of rows that each key has matched: the first key that a row fills in."""
        left = pc.invert(is_new)
        for key in self._keys:
            filled = _filled(batch, key)
            matched[key.name] += pc.sum(pc.and_(left, filled)).as_py() or 0
            left = pc.and_not(left, filled)
        if by_values := pc.sum(left).as_py():
            matched[BY_VALUES] += by_values
        self.new_without_keys += pc.sum(pc.and_(is_new, self._without_keys(batch))).as_py() or 0

    def _without_keys(self, batch: pa.RecordBatch) -> pa.Array:
        """Return for each row whether it fills in no key (boolean)."""
        filled = pa.repeat(False, batch.num_rows)
        for key in self._keys:
            filled = pc.or_(filled, _filled(batch, key))
        return pc.invert(filled)


def _filled(batch: pa.RecordBatch, key: IdentityKey) -> pa.Array:
    """Return for each row whether it fills in all fields of a key (boolean)."""
    return reduce(pc.and_, (pc.is_valid(batch.column(field)) for field in key.fields))
