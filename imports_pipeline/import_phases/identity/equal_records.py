"""Match rows that fill in no key to equal stored records without keys, by PostgreSQL.

A record equals a row if it has every value that the row gives; other values of the record do not matter. Lists of
references are not compared. A record is matched to one row only, and a record whose id is in the file to none of these:

1. A row is first matched to a record that has the row's values and no others among the fields of the file.
2. A row that is still unmatched is matched to any record that has its values. Rows with more values come first, and
   records with fewer other values are used first.

Among equal candidates, rows are ordered by line, and records by id, with those in the import's location first.
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
#: The table of matches: the line of each row, and the id of its record.
MATCHES: Final = sql.Identifier("pg_temp", "keyless_matches")
# From this number of patterns on, the table of records gets an index on the first required field. Otherwise each
# pattern scans all records.
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
        """Match rows of an import.

        Args:
            connection: a connection in a transaction.
            import_: the import.
            keys: the keys that the import matches on.
            fields: the item fields of the file, whose values are compared.
        """
        self._connection = connection
        self._resource = RESOURCES[import_.resource]
        self._table = sql.Identifier(self._resource.table)
        self._organization = literal(import_.organization_id)
        self._location = import_.options.location_id
        # Every stored record has an id, so a record without keys lacks the other keys.
        self._keys = [key for key in keys if key.fields != ("id",)]
        self.fields = list(fields)

    def exist(self) -> bool:
        """Return True if any stored record has none of the keys."""
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
        # No statement here has parameters, so that psycopg does not interpret a `%` in a metadata key.
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
        """Drop the tables that ``match`` created."""
        for table in (_ROWS, _RECORDS, MATCHES):
            self._connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))

    def _staged(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return the line, pattern and values of rows; the values are a PostgreSQL array literal.

        The pattern has a character for each field: ``1`` if the row gives a value, else ``0``.
        """
        given = [rows.column(field.name) for field in self.fields]
        pattern = pc.binary_join_element_wise(
            *(pc.if_else(value.is_valid(), "1", "0") for value in given), pa.scalar("")
        )
        values = pc.binary_join_element_wise(*(_quoted(value) for value in given), pa.scalar(","))
        literal = pc.binary_join_element_wise(pa.scalar("{"), values, pa.scalar("}"), pa.scalar(""))
        return pa.record_batch([rows.column("line"), pattern, literal], names=["line", "pattern", "given"])

    def _without_keys(self) -> sql.Composed:
        """Return the condition that ``t`` is a record of the organization and has none of the keys."""
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
        """Create the table of records without keys.

        Its columns are id, ``elsewhere`` (the record is outside the import's location), values, and number of values.
        """
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
        """Pair rows and records with the same values; null equals null, since arrays are compared."""
        self._pair(sql.SQL("strpos(pattern, '1') > 0"), sql.SQL("given"), sql.SQL("true"))

    def _pair_containing(self, pattern: str) -> None:
        """Pair the rows that give the fields of ``pattern`` with records that have their values."""
        places = [place for place, given in enumerate(pattern, 1) if given == "1"]
        key = sql.SQL("ARRAY[{}]").format(
            sql.SQL(", ").join(sql.SQL("given[{}]").format(literal(place)) for place in places)
        )
        narrowed: sql.Composable = sql.SQL("true")
        if (name := self._position(self._resource.required[0])) in places:
            # The index is on this field. PostgreSQL would not use it for the comparison of the whole key.
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
        """Return the 1-based position of a field among the values, or 0 if the file lacks the field."""
        return next((place for place, field in enumerate(self.fields, 1) if field.name == name), 0)


def _quoted(values: pa.Array) -> pa.Array:
    """Return values as elements of a PostgreSQL array literal."""
    escaped = pc.replace_substring(pc.replace_substring(values, "\\", "\\\\"), '"', '\\"')
    quoted = pc.binary_join_element_wise(pa.scalar('"'), escaped, pa.scalar('"'), pa.scalar(""))
    return pc.fill_null(quoted, "NULL")


def _stored(field: Field) -> sql.Composed:
    """Return the expression of the stored value of a field of ``t``, as text like a row's value."""
    column = sql.Identifier("t", field.column)
    if field.column in JSON_COLUMNS:
        return sql.SQL("({} ->> {})").format(column, literal(field.key))
    return sql.SQL("{}::text").format(column)
