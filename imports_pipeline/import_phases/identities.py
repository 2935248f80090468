"""Which stored record a row stands for, decided by PostgreSQL for all rows at once.

A row is matched by the first key of ``match_on`` that it fills in. Its other filled-in keys must not point at
another record. A row that fills in no key is matched by its values (``equal_records.py``).
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
from imports_pipeline.database.literals import literal
from imports_pipeline.database.statistics import analyze
from imports_pipeline.import_phases.equal_records import MATCHES, EqualRecords
from imports_pipeline.schemas.catalog import IdentityKey, Resource

#: Of the rows that agree with one record, its id; the keys of the others.
_AGREEING: Final = sql.Identifier("pg_temp", "identity_agreeing")
_OTHERS: Final = sql.Identifier("pg_temp", "identity_others")
#: Under this name rows without keys are counted that were matched by their values.
BY_VALUES: Final = "values"


@dataclass(frozen=True)
class Matches:
    """The matches of some rows, in their order: null ``id`` and ``problem`` where nothing is stored."""

    id: pa.Array
    problem: pa.Array
    detail: pa.Array
    #: the stored value of each immutable field, by its name.
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
        #: How many rows without keys have become new records, as ``count`` was told.
        self.new_without_keys = 0
        self._connection = connection
        # No temporary table: PostgreSQL goes through those with one process, through others with several.
        self._staged = sql.Identifier("staging", f"keys_{import_id.removeprefix('imp_')}")
        self._organization = organization_id
        self._resource = resource
        self._keys = [key for key in keys if all(field in fields for field in key.fields)]
        self.fields = list(dict.fromkeys(field for key in self._keys for field in key.fields))
        self._schema = pa.schema(
            [("line", pa.int64()), ("id", pa.string()), ("problem", pa.string()), ("detail", pa.string())]
            + [(name, pa.string()) for name in resource.immutable]
        )
        self._found: Iterator[pa.RecordBatch] = iter(())
        self._ahead = self._schema.empty_table()

    def stage(self, rows: Callable[[Sequence[str]], Iterator[pa.RecordBatch]]) -> None:
        """Start matching all rows.

        Must run in a transaction, whose end by an error drops what is made here, as ``forget`` does.

        Args:
            rows: returns ``line`` and the named fields of every row, in ascending order of line.
        """
        has_records = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE organization_id = %s)").format(
            sql.Identifier(self._resource.table)
        )
        if self._connection.execute(has_records, (self._organization,)).fetchone() == (False,):
            return
        queries = []
        lacks_keys = not self.fields
        if self.fields:
            count, lacking = self._stage_keys(rows(self.fields))
            queries.append(self._found_agreeing(count))
            lacks_keys = lacking > 0
        if lacks_keys and self._equal.fields and self._equal.exist():
            values = dict.fromkeys((*self.fields, *(field.name for field in self._equal.fields)))
            without_keys = (batch.filter(self._without_keys(batch)) for batch in rows(list(values)))
            self._equal.match(without_keys, self._staged if "id" in self.fields else None)
            queries.append(
                sql.SQL(
                    "SELECT m.line, m.id, NULL::text, NULL::text {} FROM {} m"
                    " JOIN {} t ON t.organization_id = %(organization)s AND t.id = m.id"
                ).format(self._immutable(), MATCHES, sql.Identifier(self._resource.table))
            )
        if queries:
            self._found = copy_out(
                self._connection,
                sql.SQL(" UNION ALL ").join(queries),
                {"organization": self._organization},
                self._schema,
                order_by="line",
            )

    def _stage_keys(self, batches: Iterator[pa.RecordBatch]) -> tuple[int, int]:
        """Copy the keys of all rows to PostgreSQL; return how many rows there are, and how many lack all keys."""
        lacking = 0

        def counted() -> Iterator[pa.RecordBatch]:
            nonlocal lacking
            for batch in batches:
                lacking += pc.sum(self._without_keys(batch)).as_py() or 0
                yield batch

        columns = sql.SQL(", ").join(sql.SQL("{} text").format(_key(f)) for f in self.fields)
        self._connection.execute(
            sql.SQL("CREATE UNLOGGED TABLE {} (line bigint, {}) WITH (autovacuum_enabled = false)").format(
                self._staged, columns
            )
        )
        names = ["line", *(f"key_{f}" for f in self.fields)]
        count = copy_in(self._connection, self._staged, names, counted())
        analyze(self._connection, self._staged)
        return count, lacking

    def _found_agreeing(self, count: int) -> sql.Composable:
        """Find the rows that agree in every key with the record of their first one; give the query of all matches.

        Those are most of a file that is brought in again. Where the first key is unique they are one join, without
        what the others need: looking each key up by itself and counting what it finds.
        """
        first, *others = self._keys
        if not self._is_unique(first):
            return self._query(self._staged)
        agree = [self._same(first)] + [
            sql.SQL("({} OR {})").format(
                sql.SQL(" OR ").join(sql.SQL("k.{} IS NULL").format(_key(f)) for f in key.fields),
                self._same(key),
            )
            for key in others
        ]
        agreeing = self._connection.execute(
            sql.SQL(
                "CREATE TEMP TABLE {agreeing} AS SELECT k.line, t.id {immutable} FROM {keys} k"
                " JOIN {table} t ON t.organization_id = %(organization)s AND {agree}"
            ).format(
                agreeing=_AGREEING,
                immutable=self._immutable(),
                keys=self._staged,
                table=sql.Identifier(self._resource.table),
                agree=sql.SQL(" AND ").join(agree),
            ),
            {"organization": self._organization},
        ).rowcount
        if not agreeing:
            return self._query(self._staged)
        found = sql.SQL("SELECT t.line, t.id, NULL::text, NULL::text {} FROM {} t").format(
            self._immutable(), _AGREEING
        )
        if agreeing == count:
            return found
        self._connection.execute(
            sql.SQL(
                "CREATE TEMP TABLE {} AS SELECT k.* FROM {} k"
                " WHERE NOT EXISTS (SELECT FROM {} a WHERE a.line = k.line)"
            ).format(_OTHERS, self._staged, _AGREEING)
        )
        analyze(self._connection, _OTHERS)
        return sql.SQL("{} UNION ALL {}").format(found, self._query(_OTHERS))

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
        """Drop what ``stage`` made, once the last row was matched."""
        # The COPY of the matches ends where what follows its last row has been asked for.
        for _ in self._found:
            pass
        for table in (self._staged, _AGREEING, _OTHERS):
            self._connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
        self._equal.forget()

    def count(self, batch: pa.RecordBatch, is_new: pa.Array, matched: Counter[str]) -> None:
        """Add to ``matched`` how many rows each key has matched: the first one that a row fills in."""
        left = pc.invert(is_new)
        for key in self._keys:
            filled = _filled(batch, key)
            matched[key.name] += pc.sum(pc.and_(left, filled)).as_py() or 0
            left = pc.and_not(left, filled)
        if by_values := pc.sum(left).as_py():
            matched[BY_VALUES] += by_values
        self.new_without_keys += pc.sum(pc.and_(is_new, self._without_keys(batch))).as_py() or 0

    def _without_keys(self, batch: pa.RecordBatch) -> pa.Array:
        """Return which rows fill in no key (boolean)."""
        filled = pa.repeat(False, batch.num_rows)
        for key in self._keys:
            filled = pc.or_(filled, _filled(batch, key))
        return pc.invert(filled)

    def _is_unique(self, key: IdentityKey) -> bool:
        return key.fields == ("id",) or key.fields in self._resource.unique

    def _same(self, key: IdentityKey) -> sql.Composed:
        """Return the condition that the row ``k`` and the record ``t`` have the same value of a key."""
        return sql.SQL(" AND ").join(
            sql.SQL("lower(t.{}) = lower(k.{})" if key.lower else "t.{} = k.{}").format(
                sql.Identifier(f), _key(f)
            )
            for f in key.fields
        )

    def _immutable(self) -> sql.Composed:
        return sql.SQL("").join(
            sql.SQL(", t.{}").format(sql.Identifier(name)) for name in self._resource.immutable
        )

    def _query(self, keys: sql.Identifier) -> sql.Composed:
        """Return the query of (line, id, problem, detail, immutable fields) of those keys that match something."""
        joins, ids, counts, filled, others = [], [], [], [], []
        for position, key in enumerate(self._keys):
            match = sql.Identifier(f"m{position}")
            joins.append(self._join(key, match, keys))
            filled.append(
                sql.SQL(" AND ").join(sql.SQL("k.{} IS NOT NULL").format(_key(f)) for f in key.fields)
            )
            ids.append(sql.SQL("{}.ids[1]").format(match))
            counts.append(sql.SQL("coalesce(cardinality({}.ids), 0)").format(match))
            others.append(sql.SQL("({m}.ids IS NOT NULL AND d.id <> ALL ({m}.ids))").format(m=match))

        def first(values: Sequence[sql.Composable]) -> sql.Composed:
            cases = (sql.SQL("WHEN {} THEN {}").format(f, v) for f, v in zip(filled, values, strict=True))
            return sql.SQL("CASE {} END").format(sql.SQL(" ").join(cases))

        named = [literal("+".join(key.fields)) for key in self._keys]
        conflicts = (
            sql.SQL("CASE WHEN {} THEN {} || ' is that of ' || {}.ids[1] END").format(
                other, name, sql.Identifier(f"m{position}")
            )
            for position, (other, name) in enumerate(zip(others, named, strict=True))
        )
        ids_of_first = first(
            [
                sql.SQL("array_to_string({}.ids[1:5], ', ')").format(sql.Identifier(f"m{p}"))
                for p in range(len(self._keys))
            ]
        )
        return sql.SQL(
            """
            SELECT k.line, d.id,
                   CASE WHEN d.count > 1 THEN 'ambiguous_identity' WHEN {conflict} THEN 'conflicting_identity' END,
                   CASE WHEN d.count > 1
                        THEN d.count || ' stored records have this ' || {name} || ': ' || {ids_of_first}
                             || '; give the id, or correct the values'
                        WHEN {conflict}
                        THEN {name} || ' is that of ' || d.id || ', but ' || concat_ws(', ', {conflicts})
                             || '; correct the values' || {remedy} END
                   {immutable}
            FROM {keys} k
            {joins}
            CROSS JOIN LATERAL (SELECT {id} AS id, {count} AS count) d
            {stored}
            WHERE d.id IS NOT NULL
            """
        ).format(
            keys=keys,
            conflict=sql.SQL("({})").format(sql.SQL(" OR ").join(others)),
            name=first(named),
            ids_of_first=ids_of_first,
            conflicts=sql.SQL(", ").join(conflicts),
            remedy=self._remedy(others),
            joins=sql.SQL("\n").join(joins),
            id=first(ids),
            count=first(counts),
            immutable=self._immutable(),
            stored=sql.SQL("JOIN {} t ON t.organization_id = %(organization)s AND t.id = d.id").format(
                sql.Identifier(self._resource.table)
            )
            if self._resource.immutable
            else sql.SQL(""),
        )

    def _remedy(self, others: Sequence[sql.Composable]) -> sql.Composed:
        """Name the ``match_on`` of the keys that agree, as in `match_on external_id` for people who swap emails.

        It helps only where values may repeat: a unique value of another record stays taken.
        """
        unique = [other for key, other in zip(self._keys, others, strict=True) if self._is_unique(key)]
        agreeing = (
            sql.SQL("CASE WHEN ({}) IS NOT TRUE THEN {} END").format(other, sql.Literal(key.name))
            for key, other in zip(self._keys, others, strict=True)
        )
        return sql.SQL(
            "CASE WHEN {} THEN '' ELSE ', or, if this is the record that is meant, import with `match_on '"
            " || concat_ws(',', {}) || '`' END"
        ).format(
            sql.SQL("(({}) IS TRUE)").format(sql.SQL(" OR ").join(unique)) if unique else sql.SQL("false"),
            sql.SQL(", ").join(agreeing),
        )

    def _join(self, key: IdentityKey, match: sql.Identifier, keys: sql.Identifier) -> sql.Composed:
        """Join a key's matches as ``ids``: an array of one where the key is unique, else of all."""
        names = {
            "table": sql.Identifier(self._resource.table),
            "keys": keys,
            "on": self._same(key),
            "match": match,
        }
        if self._is_unique(key):
            return sql.SQL(
                "LEFT JOIN LATERAL (SELECT ARRAY[t.id] AS ids FROM {table} t"
                " WHERE t.organization_id = %(organization)s AND {on}) {match} ON true"
            ).format(**names)
        return sql.SQL(
            "LEFT JOIN (SELECT k.line, array_agg(t.id ORDER BY t.id) AS ids FROM {keys} k"
            " JOIN {table} t ON t.organization_id = %(organization)s AND {on} GROUP BY k.line) {match}"
            " ON {match}.line = k.line"
        ).format(**names)


def _filled(batch: pa.RecordBatch, key: IdentityKey) -> pa.Array:
    """Return which rows fill in all fields of a key (boolean)."""
    return reduce(pc.and_, (pc.is_valid(batch.column(field)) for field in key.fields))


def _key(field: str) -> sql.Identifier:
    """Name the column of the staged keys that holds a field."""
    return sql.Identifier(f"key_{field}")
