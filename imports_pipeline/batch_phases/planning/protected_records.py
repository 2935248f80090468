"""The stored records that the rejected rows of an overwrite protect, and the rejected rows that identify no record.

Every text of a rejected row is compared with every identity value of the records that the overwrite would remove,
regardless of case, punctuation, blanks and Unicode forms. A record with an equal value is protected. To decide which
record a row stands for takes more than an equal value, because a damaged row may hold another person's values: see
``unidentified_rows``.

For speed, all comparisons are equality joins, and records that an item names, nearly all of them, are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, LiteralString

import psycopg
import pyarrow as pa
from psycopg import sql

from imports_pipeline.batch_phases.planning.scope import is_left_out
from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.database.literals import literal
from imports_pipeline.database.statistics import analyze
from imports_pipeline.import_phases.identity.shown_identities import CELL, PHONE, PHONE_DIGITS, VALUE
from imports_pipeline.import_phases.preparsing import match_keys
from imports_pipeline.model.imports import Batch
from imports_pipeline.model.option_choices import Action
from imports_pipeline.schemas.catalog import RESOURCES

# The characters that are ignored when texts are compared: ASCII characters other than letters and digits, invisible
# characters, and typographic dashes, quotes and dots.
_IGNORED: Final = (
    "".join(chr(code) for code in (*range(1, 128), 0xA0, 0xAD) if not chr(code).isalnum())
    + "‐‑‒–—―‘’‚“”„«»‹›…·\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\ufffd"
)
# A text that more records than this share protects them all, but does not show which of them a row stands for.
_MOST: Final = 10

# The temporary tables.
_STORED: Final = sql.Identifier("pg_temp", "stored_keys")
_SHOWN: Final = sql.Identifier("pg_temp", "shown_keys")
_CLAIMS: Final = sql.Identifier("pg_temp", "claims")

# The columns and the JSON columns of a resource whose values identify a record.
_COLUMNS: Final = {
    "contact": ("id", "external_id", "email", "name", "id_number", "phone"),
    "group": ("id", "external_id", "name"),
}
_JSON_COLUMNS: Final = {"contact": ("alternate_names", "alternate_emails", "alternate_phones"), "group": ()}


def keep_protected(connection: psycopg.Connection[Any], batch: Batch) -> None:
    """Fill the staging table ``kept`` with the records whose identity values equal any text of a rejected row."""
    staging = Staging(batch.id)
    drop_temporary_tables(connection)
    _make(
        connection,
        _SHOWN,
        sql.SQL("SELECT line, field, strength, {key} AS key FROM {protected} p WHERE p.value <> ''").format(
            key=_key(sql.SQL("p.value")), protected=staging.protected
        ),
    )
    _make(connection, _STORED, _stored_keys(batch))
    connection.execute(
        sql.SQL(
            "INSERT INTO {kept} (id) SELECT DISTINCT id FROM {stored} WHERE key IN (SELECT key FROM {shown})"
        ).format(kept=staging.kept, stored=_STORED, shown=_SHOWN)
    )
    analyze(connection, staging.kept)


def unidentified_rows(
    connection: psycopg.Connection[Any], batch: Batch, fields: Sequence[str]
) -> tuple[int, int]:
    """Count the rejected rows that do not show which record they stand for; call it after ``keep_protected``.

    A row *claims* a record by a value in one of its identity columns; a row that could not be parsed claims by any of
    its cells. A record that an accepted row of the file names can only be claimed by a key. A claim shows which record
    the row stands for if one of these holds:

    * No other row of the file claims the record.
    * Two identity fields of the row claim it.
    * The rows that claim it are the same row twice: they agree in several identity fields.

    Returns:
        The number of these rows, and the line of the first (0 if there is none).
    """
    _make(connection, _CLAIMS, sql.SQL(" UNION ").join(_claims(batch, fields)))
    row = connection.execute(
        sql.SQL(_UNIDENTIFIED).format(
            protected=Staging(batch.id).protected,
            items=Staging(batch.id).items,
            shown=_SHOWN,
            claims=_CLAIMS,
            value=literal(VALUE),
            said_by_items=_said_by_items(batch, fields),
        )
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def claimed_records(connection: psycopg.Connection[Any]) -> pa.Array:
    """Return the records that rejected rows claim; call it after ``unidentified_rows``."""
    rows = connection.execute(sql.SQL("SELECT DISTINCT id FROM {}").format(_CLAIMS))
    return pa.array([one for (one,) in rows], pa.string())


_UNIDENTIFIED: Final = """
    WITH claimants AS (
        SELECT DISTINCT id, line FROM {claims}
        UNION SELECT i.id, i.line FROM {items} i WHERE i.id IN (SELECT id FROM {claims})
    ), shared AS (
        SELECT id FROM claimants GROUP BY id HAVING count(*) > 1
    ), said AS (
        SELECT DISTINCT c.id, c.line, s.field, s.key
        FROM claimants c JOIN shared USING (id) JOIN {shown} s ON s.line = c.line AND s.strength = {value}
        UNION ALL {said_by_items}
    ), same_row AS (
        SELECT id FROM (
            SELECT id, field, count(DISTINCT key) AS keys, count(DISTINCT line) AS lines
            FROM said GROUP BY id, field
        ) AS by_field
        GROUP BY id HAVING max(keys) = 1 AND max(lines) > 1 AND count(*) > 1
        EXCEPT
        SELECT id FROM claimants c JOIN shared USING (id)
        WHERE NOT EXISTS (SELECT FROM said WHERE said.id = c.id AND said.line = c.line)
    ), identified AS (
        SELECT line FROM {claims} WHERE id NOT IN (SELECT id FROM shared) OR id IN (SELECT id FROM same_row)
        UNION SELECT line FROM {claims} WHERE field <> '' GROUP BY line, id HAVING count(DISTINCT field) > 1
    )
    SELECT count(*), coalesce(min(line), 0)
    FROM (
        SELECT line FROM {protected} WHERE line IS NOT NULL EXCEPT SELECT line FROM identified
    ) AS unidentified
"""


def _key(value: sql.Composable) -> sql.Composed:
    """Return the expression of the text by which a value is compared; ``PHONE`` with digits stays as it is."""
    folded = sql.SQL("lower(translate(normalize({}, NFKC), {}, '') COLLATE \"pg_c_utf8\")").format(
        value, literal(_IGNORED)
    )
    return sql.SQL(
        "CASE WHEN {value} LIKE {phone} THEN {value} ELSE coalesce(nullif({folded}, ''), {value}) END COLLATE \"C\""
    ).format(value=value, folded=folded, phone=literal(PHONE + "_" * PHONE_DIGITS))


def _stored_keys(batch: Batch) -> sql.Composed:
    """Return the query of id and key of the records that the overwrite would remove if no row protected any."""
    values = [sql.SQL("(t.{})").format(sql.Identifier(name)) for name in _COLUMNS[batch.resource]]
    lists: list[sql.Composable] = [
        sql.SQL("SELECT value FROM jsonb_each_text(t.{})").format(sql.Identifier(name))
        for name in _JSON_COLUMNS[batch.resource]
    ]
    if batch.resource == "contact":
        lists.append(
            sql.SQL(
                "SELECT {phone} || right(regexp_replace(value, '[^0-9]', '', 'g'), {digits})"
                " FROM (SELECT t.phone UNION ALL SELECT value FROM jsonb_each_text(t.alternate_phones)) AS p (value)"
            ).format(phone=literal(PHONE), digits=literal(PHONE_DIGITS))
        )
    every = sql.SQL(" UNION ALL ").join(
        [sql.SQL("SELECT * FROM (VALUES {}) AS v").format(sql.SQL(", ").join(values)), *lists]
    )
    return sql.SQL(
        "SELECT DISTINCT t.id, {key} AS key FROM {table} t CROSS JOIN LATERAL ({every}) AS one (value)"
        " WHERE {left_out} AND one.value IS NOT NULL"
    ).format(
        key=_key(sql.SQL("one.value")),
        table=sql.Identifier(RESOURCES[batch.resource].table),
        every=every,
        left_out=is_left_out(batch),
    )


def _claims(batch: Batch, fields: Sequence[str]) -> Iterator[sql.Composed]:
    """Yield queries of line, id and field of the claims; ``field`` is empty for a row that could not be parsed."""
    yield sql.SQL(
        "SELECT s.line, k.id, s.field FROM {shown} s"
        " JOIN (SELECT key, id, count(*) OVER (PARTITION BY key) AS shared FROM {stored}) AS k USING (key)"
        " WHERE s.strength >= {cell} AND k.shared <= {most}"
    ).format(shown=_SHOWN, stored=_STORED, cell=literal(CELL), most=literal(_MOST))
    # A key claims by its exact value. It can also claim records that are out of scope, that an accepted row names, or
    # that an accepted row creates.
    resource, staging = RESOURCES[batch.resource], Staging(batch.id)
    for key in match_keys(resource, batch.options.match_on, Action.OVERWRITE):
        field = key.fields[0]
        sources: list[sql.Composable] = [
            sql.SQL("SELECT t.id, t.{} AS value FROM {} t WHERE t.organization_id = {}").format(
                sql.Identifier(field),
                sql.Identifier(resource.table),
                literal(batch.organization_id),
            )
        ]
        if field in fields:
            column = sql.Identifier(f"f{list(fields).index(field)}")
            sources.append(
                sql.SQL("SELECT i.id, i.{} AS value FROM {} i WHERE i.is_new").format(column, staging.items)
            )
        for source in sources:
            yield sql.SQL(
                "SELECT p.line, k.id, p.field FROM {protected} p JOIN ("
                "SELECT v.value, t.id, count(*) OVER (PARTITION BY v.value) AS shared"
                " FROM (SELECT DISTINCT {wanted} AS value FROM {protected}"
                " WHERE field = {field} AND strength = {strength}) AS v"
                " JOIN ({source}) AS t ON {compared} = v.value) AS k ON {own} = k.value"
                " WHERE p.field = {field} AND p.strength = {strength} AND k.shared <= {most}"
            ).format(
                protected=staging.protected,
                wanted=_cased("value", lower=key.lower),
                own=_cased("p.value", lower=key.lower),
                compared=_cased("t.value", lower=key.lower),
                source=source,
                field=literal(field),
                strength=literal(VALUE),
                most=literal(_MOST),
            )


def _cased(value: LiteralString, *, lower: bool) -> sql.SQL:
    return sql.SQL("lower(" + value + ")") if lower else sql.SQL(value)


def _said_by_items(batch: Batch, fields: Sequence[str]) -> sql.Composable:
    """Return the query of identity values (id, line, field, key) of accepted rows whose record other rows claim too."""
    queries = [
        sql.SQL(
            "SELECT i.id, i.line, {name}, {key} FROM {items} i JOIN shared USING (id) WHERE i.{column} IS NOT NULL"
        ).format(
            name=literal(name),
            key=_key(sql.SQL("i.{}").format(sql.Identifier(f"f{list(fields).index(name)}"))),
            items=Staging(batch.id).items,
            column=sql.Identifier(f"f{list(fields).index(name)}"),
        )
        for name in RESOURCES[batch.resource].identity_fields
        if name in fields
    ]
    return sql.SQL(" UNION ALL ").join(queries) if queries else sql.SQL("SELECT '', 0, '', '' WHERE false")


def _make(connection: psycopg.Connection[Any], table: sql.Identifier, query: sql.Composable) -> None:
    connection.execute(sql.SQL("CREATE TEMP TABLE {} AS {}").format(table, query))
    analyze(connection, table)


def drop_temporary_tables(connection: psycopg.Connection[Any]) -> None:
    """Drop the temporary tables of ``keep_protected`` and ``unidentified_rows``."""
    for table in (_STORED, _SHOWN, _CLAIMS):
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
