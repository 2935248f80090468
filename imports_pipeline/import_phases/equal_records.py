"""Rows that fill in no key, matched to the stored records without keys that equal them, by PostgreSQL.

A record equals a row if it has every value that the row gives; what else the record has does not matter. Lists of
references take no part. Each record is taken once, and none that another row names by its id:

1. Rows take the records that have the row's values and no others among the file's fields.
2. Rows that are left take any record that has their values: rows that give more values come first, and records
   with fewer other values are taken first.

Among equal candidates, rows go by line, and records by id; those in the import's location come first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from imports_pipeline.database.copy import copy_in
from imports_pipeline.database.literals import literal
from imports_pipeline.database.statistics import analyze
from imports_pipeline.model.imports import Import
from imports_pipeline.schemas.catalog import JSON_COLUMNS, RESOURCES, Field, IdentityKey

_ROWS: Final = sql.Identifier("pg_temp", "keyless_rows")
_RECORDS: Final = sql.Identifier("pg_temp", "keyless_records")
#: (line, id): each row with the record that it takes.
MATCHES: Final = sql.Identifier("pg_temp", "keyless_matches")
#: From so many patterns on, an index on the first required field saves going through all records for each.
_INDEXED_FROM: Final = 8


class EqualRecords:
    """Matches the rows of one import that fill in no key, in the caller's transaction."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        import_: Import,
        keys: Sequence[IdentityKey],
        fields: Sequence[Field],
    ) -> None:
        """Match on the values of ``fields``, the item fields of the file; ``keys`` are the import's."""
        self._connection = connection
        self._resource = RESOURCES[import_.resource]
        self._table = sql.Identifier(self._resource.table)
        self._organization = literal(import_.organization_id)
        self._location = import_.options.location_id
        # Every stored record has an id, so the id is not what a record without keys lacks.
        self._keys = [key for key in keys if key.fields != ("id",)]
        self.fields = list(fields)

    def exist(self) -> bool:
        """Return whether any stored record has none of the keys."""
        found = self._connection.execute(
            sql.SQL("SELECT EXISTS (SELECT FROM {} t WHERE {})").format(self._table, self._without_keys())
        ).fetchone()
        return found == (True,)

    def match(self, rows: Iterator[pa.RecordBatch], named: sql.Identifier | None) -> None:
        """Fill ``MATCHES``.

        Args:
            rows: ``line`` and the item fields of the rows without keys, null where a cell is blank.
            named: a table whose column ``key_id`` holds the ids that rows name, if the file has ids.
        """
        self.forget()
        # No statement here has parameters, so that a `%` in a metadata key stays what it is.
        self._connection.execute(
            sql.SQL(
                'CREATE TEMP TABLE {} (line bigint, pattern text, given text[] COLLATE "C");'
                'CREATE TEMP TABLE {} (line bigint, id text COLLATE "C");'
            ).format(_ROWS, MATCHES)
        )
        copy_in(self._connection, _ROWS, ["line", "pattern", "given"], map(self._staged, rows))
        self._find_records(named)
        self._pair_equal()
        patterns = self._connection.execute(
            sql.SQL(
                "SELECT DISTINCT length(replace(pattern, '0', '')), pattern FROM {} ORDER BY 1 DESC, 2"
            ).format(_ROWS)
        ).fetchall()
        if len(patterns) >= _INDEXED_FROM and (name := self._position(self._resource.required[0])):
            self._connection.execute(
                sql.SQL("CREATE INDEX ON {} ((given[{}]))").format(_RECORDS, literal(name))
            )
        for given, pattern in patterns:
            if given:
                self._pair_containing(pattern)

    def forget(self) -> None:
        """Drop what ``match`` made."""
        for table in (_ROWS, _RECORDS, MATCHES):
            self._connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))

    def _staged(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return line, pattern (``1`` for a field that the row gives, else ``0``) and values as an array literal."""
        given = [rows.column(field.name) for field in self.fields]
        pattern = pc.binary_join_element_wise(
            *(pc.if_else(value.is_valid(), "1", "0") for value in given), pa.scalar("")
        )
        values = pc.binary_join_element_wise(*(_quoted(value) for value in given), pa.scalar(","))
        literal = pc.binary_join_element_wise(pa.scalar("{"), values, pa.scalar("}"), pa.scalar(""))
        return pa.record_batch([rows.column("line"), pattern, literal], names=["line", "pattern", "given"])

    def _without_keys(self) -> sql.Composed:
        """Return the condition that the record ``t`` of the organization has none of the keys."""
        lacking = (
            sql.SQL("({})").format(
                sql.SQL(" OR ").join(
                    sql.SQL("{} IS NULL").format(sql.Identifier("t", name)) for name in key.fields
                )
            )
            for key in self._keys
        )
        return sql.SQL(" AND ").join([sql.SQL("t.organization_id = {}").format(self._organization), *lacking])

    def _find_records(self, named: sql.Identifier | None) -> None:
        """Fill the table of records: id, whether it is outside the import's location, values, how many there are."""
        elsewhere: sql.Composable = sql.SQL("false")
        if self._location is not None and self._resource.name == "contact":
            elsewhere = sql.SQL(
                "NOT EXISTS (SELECT FROM contact_locations l WHERE l.organization_id = t.organization_id"
                " AND l.contact_id = t.id AND l.location_id = {})"
            ).format(literal(self._location))
        elif self._location is not None:
            elsewhere = sql.SQL("t.location_id IS DISTINCT FROM {}").format(literal(self._location))
        unnamed: sql.Composable = sql.SQL("")
        if named is not None:
            unnamed = sql.SQL(" AND NOT EXISTS (SELECT FROM {} k WHERE k.key_id = t.id)").format(named)
        values = sql.SQL(", ").join(_stored(field) for field in self.fields)
        self._connection.execute(
            sql.SQL(
                """
                CREATE TEMP TABLE {records} AS
                SELECT id, elsewhere, given, cardinality(array_remove(given, NULL)) AS filled
                FROM (SELECT t.id, {elsewhere} AS elsewhere, ARRAY[{values}]::text[] COLLATE "C" AS given
                      FROM {table} t WHERE {without_keys}{unnamed} OFFSET 0) AS found
                """
            ).format(
                records=_RECORDS,
                elsewhere=elsewhere,
                values=values,
                table=self._table,
                without_keys=self._without_keys(),
                unnamed=unnamed,
            )
        )
        for table in (_ROWS, _RECORDS):
            analyze(self._connection, table)

    def _pair_equal(self) -> None:
        """Pair rows and records of the same values; null equals null here, as arrays compare."""
        self._pair(sql.SQL("strpos(pattern, '1') > 0"), sql.SQL("given"), sql.SQL("true"))

    def _pair_containing(self, pattern: str) -> None:
        """Pair the rows that give the fields of ``pattern`` with records that have their values."""
        places = [place for place, given in enumerate(pattern, 1) if given == "1"]
        key = sql.SQL("ARRAY[{}]").format(
            sql.SQL(", ").join(sql.SQL("given[{}]").format(literal(place)) for place in places)
        )
        narrowed: sql.Composable = sql.SQL("true")
        if (name := self._position(self._resource.required[0])) in places:
            # The index has this field; the key alone could not use it.
            narrowed = sql.SQL("given[{0}] IN (SELECT given[{0}] FROM rows)").format(literal(name))
        self._pair(sql.SQL("pattern = {}").format(literal(pattern)), key, narrowed)

    def _pair(self, rows: sql.Composable, key: sql.Composable, records: sql.Composable) -> None:
        """Pair the first row of each key with its first record, the second with its second, and so on."""
        self._connection.execute(
            sql.SQL(
                """
                WITH rows AS MATERIALIZED (
                    SELECT line, given, {key} AS key, row_number() OVER (PARTITION BY {key} ORDER BY line) AS place
                    FROM {all_rows} WHERE {rows}
                ),
                records AS (
                    SELECT id, {key} AS key,
                           row_number() OVER (PARTITION BY {key} ORDER BY elsewhere, filled, id) AS place
                    FROM {all_records} WHERE {records} AND {key} IN (SELECT key FROM rows)
                ),
                matched AS (
                    INSERT INTO {matches}
                    SELECT rows.line, records.id FROM rows JOIN records USING (key, place)
                    RETURNING line, id
                ),
                gone AS (DELETE FROM {all_rows} r USING matched WHERE r.line = matched.line)
                DELETE FROM {all_records} r USING matched WHERE r.id = matched.id
                """
            ).format(
                key=key,
                all_rows=_ROWS,
                all_records=_RECORDS,
                rows=rows,
                records=records,
                matches=MATCHES,
            )
        )

    def _position(self, name: str) -> int:
        """Return the place of a field among the values, from 1; 0 if the file lacks it."""
        return next((place for place, field in enumerate(self.fields, 1) if field.name == name), 0)


def _quoted(values: pa.Array) -> pa.Array:
    """Return values as elements of PostgreSQL's array literals."""
    escaped = pc.replace_substring(pc.replace_substring(values, "\\", "\\\\"), '"', '\\"')
    quoted = pc.binary_join_element_wise(pa.scalar('"'), escaped, pa.scalar('"'), pa.scalar(""))
    return pc.fill_null(quoted, "NULL")


def _stored(field: Field) -> sql.Composed:
    """Return the stored value of a field of ``t`` as the text that a row would give."""
    column = sql.Identifier("t", field.column)
    if field.column in JSON_COLUMNS:
        return sql.SQL("({} ->> {})").format(column, literal(field.key))
    return sql.SQL("{}::text").format(column)
