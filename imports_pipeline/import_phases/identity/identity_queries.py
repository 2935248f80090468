"""The SQL by which ``identities.py`` matches the keys of rows to stored records.

In every query ``k`` is a row of a table of keys (``line``, and ``key_FIELD`` for each field of a key), and ``t`` is a
stored record of the organization ``%(organization)s``. The queries that find matches have the columns line, id,
problem, detail, and the immutable fields of the resource.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from psycopg import sql

from imports_pipeline.database.literals import literal
from imports_pipeline.import_phases.identity.equal_records import MATCHES
from imports_pipeline.schemas.catalog import IdentityKey, Resource

# Staged rows whose keys all match one stored record (with its id), and the keys of every other row.
AGREEING: Final = sql.Identifier("pg_temp", "identity_agreeing")
OTHERS: Final = sql.Identifier("pg_temp", "identity_others")

# Ids that an error message lists, when several records have the same value of a key.
_IDS_SHOWN: Final = 5


def key_column(field: str) -> sql.Identifier:
    """Return the name of the column that holds a field in a table of keys."""
    return sql.Identifier(f"key_{field}")


@dataclass(frozen=True)
class _KeyParts:
    """The parts of ``IdentityQueries.match_each_key`` that one key has; ``alias`` is the join that finds its matches.

    The join has one column, ``ids``: an array of the matching records, null if there is none.
    """

    key: IdentityKey
    alias: sql.Identifier

    @property
    def label(self) -> sql.Composable:
        """The fields of the key, as a message names them."""
        return literal("+".join(self.key.fields))

    @property
    def filled(self) -> sql.Composable:
        """The condition that the row fills in every field of the key."""
        return sql.SQL(" AND ").join(
            sql.SQL("k.{} IS NOT NULL").format(key_column(field)) for field in self.key.fields
        )

    @property
    def first_id(self) -> sql.Composable:
        """The id of the first match."""
        return sql.SQL("{}.ids[1]").format(self.alias)

    @property
    def count(self) -> sql.Composable:
        """The number of matches."""
        return sql.SQL("coalesce(cardinality({}.ids), 0)").format(self.alias)

    @property
    def shown_ids(self) -> sql.Composable:
        """The ids of the first matches, as a message lists them."""
        return sql.SQL("array_to_string({}.ids[1:{}], ', ')").format(self.alias, literal(_IDS_SHOWN))

    @property
    def disagrees(self) -> sql.Composable:
        """The condition that the key matches records, and that the decided one (``d``) is not among them."""
        return sql.SQL("({0}.ids IS NOT NULL AND d.id <> ALL ({0}.ids))").format(self.alias)

    @property
    def disagreement(self) -> sql.Composable:
        """The part of a message that names the key's record; null if the key agrees with the decided record."""
        return sql.SQL("CASE WHEN {} THEN {} || ' is that of ' || {} END").format(
            self.disagrees, self.label, self.first_id
        )


class IdentityQueries:
    """The queries of one import: ``keys`` are those that its file has, in the order of ``match_on``."""

    def __init__(self, resource: Resource, keys: Sequence[IdentityKey]) -> None:
        """Match records of ``resource``."""
        self._resource = resource
        self._table = sql.Identifier(resource.table)
        self._keys = list(keys)

    def has_records(self) -> sql.Composed:
        """Return the query that finds out if the organization has any record."""
        return sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE organization_id = %(organization)s)").format(
            self._table
        )

    def create_keys(self, keys: sql.Identifier) -> sql.Composed:
        """Return the statement that creates the table ``keys``."""
        fields = dict.fromkeys(field for key in self._keys for field in key.fields)
        columns = sql.SQL(", ").join(sql.SQL("{} text").format(key_column(field)) for field in fields)
        return sql.SQL(
            "CREATE UNLOGGED TABLE {} (line bigint, {}) WITH (autovacuum_enabled = false); {}"
        ).format(keys, columns, self._statistics(keys))

    def is_unique(self, key: IdentityKey) -> bool:
        """Return True if no two records of an organization have the same value of a key."""
        return key.fields == ("id",) or key.fields in self._resource.unique

    def create_agreeing(self, keys: sql.Identifier) -> sql.Composed:
        """Return the statement that fills ``AGREEING``: rows that agree in every key with the record of the first.

        The first key must be unique, so that a row has at most one such record.
        """
        first, *others = self._keys
        agree = [self._equal(first), *(self._blank_or_equal(key) for key in others)]
        return sql.SQL(
            "CREATE TEMP TABLE {agreeing} AS SELECT k.line, t.id {immutable} FROM {keys} k"
            " JOIN {table} t ON t.organization_id = %(organization)s AND {agree}"
        ).format(
            agreeing=AGREEING,
            immutable=self._immutable(),
            keys=keys,
            table=self._table,
            agree=sql.SQL(" AND ").join(agree),
        )

    def create_others(self, keys: sql.Identifier) -> sql.Composed:
        """Return the statement that fills ``OTHERS``: the rows of ``keys`` that are not in ``AGREEING``."""
        return sql.SQL(
            "CREATE TEMP TABLE {} AS SELECT k.* FROM {} k"
            " WHERE NOT EXISTS (SELECT FROM {} a WHERE a.line = k.line); {}"
        ).format(OTHERS, keys, AGREEING, self._statistics(OTHERS))

    def _statistics(self, keys: sql.Identifier) -> sql.Composed:
        """Return the statements that let ``ANALYZE`` of a table of keys count the distinct lower-cased values.

        Without these counts PostgreSQL expects 200 distinct values: it does not use those of an index that leaves out
        nulls, as that of the stored emails does.
        """
        return sql.SQL("; ").join(
            sql.SQL("CREATE STATISTICS ON lower({}) FROM {}").format(key_column(field), keys)
            for key in self._keys
            if key.lower
            for field in key.fields
        )

    def match_agreeing(self) -> sql.Composed:
        """Return the query of the matches in ``AGREEING``."""
        return sql.SQL("SELECT t.line, t.id, NULL::text, NULL::text {} FROM {} t").format(
            self._immutable(), AGREEING
        )

    def match_values(self) -> sql.Composed:
        """Return the query of the rows without keys that were matched by their values."""
        return sql.SQL(
            "SELECT m.line, m.id, NULL::text, NULL::text {} FROM {} m"
            " JOIN {} t ON t.organization_id = %(organization)s AND t.id = m.id"
        ).format(self._immutable(), MATCHES, self._table)

    def match_each_key(self, keys: sql.Identifier) -> sql.Composed:
        """Return the query that looks up each key of the rows of ``keys`` by itself.

        ``d`` is the decided record: the match of the first key that the row fills in. A row without one is no result.
        """
        parts = [_KeyParts(key, sql.Identifier(f"m{number}")) for number, key in enumerate(self._keys)]
        conflict = sql.SQL("({})").format(sql.SQL(" OR ").join(part.disagrees for part in parts))
        return sql.SQL(
            """
            SELECT k.line, d.id,
                   CASE WHEN d.count > 1 THEN 'ambiguous_identity' WHEN {conflict} THEN 'conflicting_identity' END,
                   CASE WHEN d.count > 1 THEN {ambiguous} WHEN {conflict} THEN {conflicting} END
                   {immutable}
            FROM {keys} k
            {joins}
            CROSS JOIN LATERAL (SELECT {id} AS id, {count} AS count) d
            {stored}
            WHERE d.id IS NOT NULL
            """
        ).format(
            conflict=conflict,
            ambiguous=_ambiguous_message(parts),
            conflicting=self._conflicting_message(parts),
            immutable=self._immutable(),
            keys=keys,
            joins=sql.SQL("\n").join(self._join(part, keys) for part in parts),
            id=_of_first_filled(parts, [part.first_id for part in parts]),
            count=_of_first_filled(parts, [part.count for part in parts]),
            stored=self._join_decided(),
        )

    def _join(self, part: _KeyParts, keys: sql.Identifier) -> sql.Composed:
        """Return the join of one key's matches."""
        names = {"table": self._table, "keys": keys, "on": self._equal(part.key), "match": part.alias}
        if self.is_unique(part.key):
            return sql.SQL(
                "LEFT JOIN LATERAL (SELECT ARRAY[t.id] AS ids FROM {table} t"
                " WHERE t.organization_id = %(organization)s AND {on}) {match} ON true"
            ).format(**names)
        return sql.SQL(
            "LEFT JOIN (SELECT k.line, array_agg(t.id ORDER BY t.id) AS ids FROM {keys} k"
            " JOIN {table} t ON t.organization_id = %(organization)s AND {on} GROUP BY k.line) {match}"
            " ON {match}.line = k.line"
        ).format(**names)

    def _join_decided(self) -> sql.Composable:
        """Return the join of the decided record, if its immutable fields are wanted."""
        if not self._resource.immutable:
            return sql.SQL("")
        return sql.SQL("JOIN {} t ON t.organization_id = %(organization)s AND t.id = d.id").format(
            self._table
        )

    def _conflicting_message(self, parts: Sequence[_KeyParts]) -> sql.Composed:
        """Return the message of a row whose keys match different records."""
        return sql.SQL(
            "{label} || ' is that of ' || d.id || ', but ' || concat_ws(', ', {disagreements})"
            " || '; correct the values' || {remedy}"
        ).format(
            label=_of_first_filled(parts, [part.label for part in parts]),
            disagreements=sql.SQL(", ").join(part.disagreement for part in parts),
            remedy=self._remedy(parts),
        )

    def _remedy(self, parts: Sequence[_KeyParts]) -> sql.Composed:
        """Return the advice to match on the keys that agree only, as `match_on external_id` for two swapped emails.

        The advice helps only where values may repeat: a unique value of another record stays taken. Then it is empty.
        """
        unique = [part.disagrees for part in parts if self.is_unique(part.key)]
        taken = sql.SQL("(({}) IS TRUE)").format(sql.SQL(" OR ").join(unique)) if unique else sql.SQL("false")
        agreeing = (
            sql.SQL("CASE WHEN ({}) IS NOT TRUE THEN {} END").format(part.disagrees, literal(part.key.name))
            for part in parts
        )
        return sql.SQL(
            "CASE WHEN {} THEN '' ELSE ', or, if this is the record that is meant, import with `match_on '"
            " || concat_ws(',', {}) || '`' END"
        ).format(taken, sql.SQL(", ").join(agreeing))

    def _equal(self, key: IdentityKey) -> sql.Composed:
        """Return the condition that the row ``k`` and the record ``t`` have the same value of a key."""
        return sql.SQL(" AND ").join(
            sql.SQL("lower(t.{}) = lower(k.{})" if key.lower else "t.{} = k.{}").format(
                sql.Identifier(field), key_column(field)
            )
            for field in key.fields
        )

    def _blank_or_equal(self, key: IdentityKey) -> sql.Composed:
        """Return the condition that the row ``k`` lacks a key, or has the record's value of it."""
        blank = sql.SQL(" OR ").join(
            sql.SQL("k.{} IS NULL").format(key_column(field)) for field in key.fields
        )
        return sql.SQL("({} OR {})").format(blank, self._equal(key))

    def _immutable(self) -> sql.Composed:
        """Return the immutable fields of ``t`` as further columns."""
        return sql.SQL("").join(
            sql.SQL(", t.{}").format(sql.Identifier(name)) for name in self._resource.immutable
        )


def _of_first_filled(parts: Sequence[_KeyParts], values: Sequence[sql.Composable]) -> sql.Composed:
    """Return the expression of that one of ``values`` whose key is the first that the row fills in."""
    cases = (
        sql.SQL("WHEN {} THEN {}").format(part.filled, value)
        for part, value in zip(parts, values, strict=True)
    )
    return sql.SQL("CASE {} END").format(sql.SQL(" ").join(cases))


def _ambiguous_message(parts: Sequence[_KeyParts]) -> sql.Composed:
    """Return the message of a row whose first key matches several records."""
    return sql.SQL(
        "d.count || ' stored records have this ' || {label} || ': ' || {ids}"
        " || '; give the id, or correct the values'"
    ).format(
        label=_of_first_filled(parts, [part.label for part in parts]),
        ids=_of_first_filled(parts, [part.shown_ids for part in parts]),
    )
