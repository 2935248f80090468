"""The staging tables of a batch, which hold its items while they are checked and written.

The tables are UNLOGGED, so a crash of the database empties them. Before they are used, ``count`` is compared with the
counts of ``validation``; if they differ, ``parsing`` fills the tables again from the files. The names of the tables
depend on the batch's id alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from imports_pipeline.database.literals import literal
from imports_pipeline.database.statistics import analyze
from imports_pipeline.model import ids

_KINDS: Final = ("items", "refs", "protected", "kept", "links", "updates", "new_groups")


def item_columns(fields: Sequence[str]) -> list[str]:
    """Return the columns of the table of items with these fields."""
    return ["line", "id", "is_new", *(f"f{k}" for k in range(len(fields)))]


@dataclass(frozen=True)
class ItemCounts:
    """The numbers of staged items: ``new`` ones, and ``known`` ones, which stand for a stored record."""

    new: int
    known: int

    @property
    def total(self) -> int:
        """The number of all items."""
        return self.new + self.known


@dataclass(frozen=True)
class Staging:
    """The staging tables of one batch, by name."""

    batch_id: str

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for a text that is no batch id, since it becomes part of the tables' names."""
        if not ids.is_id(ids.BATCH, self.batch_id):
            raise ValueError(f"{self.batch_id!r} is no batch id")

    def _table(self, kind: str) -> sql.Identifier:
        return sql.Identifier("staging", f"{kind}_{self.batch_id.removeprefix('btch_')}")

    @property
    def items(self) -> sql.Identifier:
        """The table of items: line, id, is_new, f0 …."""
        return self._table("items")

    @property
    def refs(self) -> sql.Identifier:
        """The table of references: line, id, relation, operation, field, reference, target_id, problem."""
        return self._table("refs")

    @property
    def protected(self) -> sql.Identifier:
        """The table of identity values of rejected rows: line, field, value, strength.

        ``import_phases/identity/shown_identities.py`` explains the strengths.
        """
        return self._table("protected")

    @property
    def kept(self) -> sql.Identifier:
        """The table of records (id) that rejected rows identify and that an overwrite does not remove."""
        return self._table("kept")

    @property
    def links(self) -> sql.Identifier:
        """The table of links that the batch will add or remove: relation, id, target_id, added."""
        return self._table("links")

    @property
    def updates(self) -> sql.Identifier:
        """The table of items that change their stored record, or have none: line, id, is_unknown, changes."""
        return self._table("updates")

    @property
    def new_groups(self) -> sql.Identifier:
        """(id, name): the groups that the batch creates because its contacts name them."""
        return self._table("new_groups")

    @property
    def left_out(self) -> sql.Identifier:
        """(id): the records that the file may not name, if a memory knows some of its rows; every other is named."""
        return self._table("left_out")

    def create(self, connection: psycopg.Connection[Any], fields: Sequence[str]) -> None:
        """Create the tables for items of these fields; drop older ones first."""
        self.drop(connection)
        values = sql.SQL("").join(
            sql.SQL(", {} text").format(sql.Identifier(f"f{k}")) for k in range(len(fields))
        )
        connection.execute(
            sql.SQL(
                """
                CREATE UNLOGGED TABLE {items} (line bigint, id text COLLATE "C", is_new boolean {values})
                    WITH (autovacuum_enabled = false);
                CREATE UNLOGGED TABLE {refs} (line bigint, id text COLLATE "C", relation text, operation text,
                    field text, reference text, target_id text COLLATE "C", problem text)
                    WITH (autovacuum_enabled = false);
                CREATE UNLOGGED TABLE {protected} (line bigint, field text, value text, strength smallint)
                    WITH (autovacuum_enabled = false);
                CREATE UNLOGGED TABLE {kept} (id text COLLATE "C");
                CREATE UNLOGGED TABLE {links} (relation text, id text COLLATE "C", target_id text COLLATE "C",
                    added boolean);
                CREATE UNLOGGED TABLE {new_groups} (id text COLLATE "C", name text);
                CREATE UNLOGGED TABLE {updates} (line bigint, id text COLLATE "C", is_unknown boolean, changes text)
                    WITH (autovacuum_enabled = false)
                """
            ).format(
                items=self.items,
                refs=self.refs,
                protected=self.protected,
                kept=self.kept,
                links=self.links,
                updates=self.updates,
                new_groups=self.new_groups,
                values=values,
            )
        )

    def create_left_out(self, connection: psycopg.Connection[Any]) -> None:
        """Create the table ``left_out``, which most imports do without."""
        connection.execute(
            sql.SQL(
                'CREATE UNLOGGED TABLE {} (id text COLLATE "C") WITH (autovacuum_enabled = false)'
            ).format(self.left_out)
        )

    def drop(self, connection: psycopg.Connection[Any]) -> None:
        """Drop the tables if they exist."""
        connection.execute(
            sql.SQL("DROP TABLE IF EXISTS {}").format(
                sql.SQL(", ").join(self._table(kind) for kind in (*_KINDS, "left_out"))
            )
        )

    def analyze(self, connection: psycopg.Connection[Any]) -> None:
        """Collect planner statistics of the tables; autovacuum is off for them and would not."""
        for kind in _KINDS:
            analyze(connection, self._table(kind))

    def mark(self, connection: psycopg.Connection[Any], token: str) -> None:
        """Note the token of a file whose items the table has."""
        connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(self.items, literal(token)))

    def take_marked(self, connection: psycopg.Connection[Any], token: str) -> bool:
        """Return whether the table has the items of the file with this token, and remove the mark if so.

        A crash of the database leaves the mark and empties the table.
        """
        row = connection.execute(
            "SELECT obj_description(to_regclass(%s), 'pg_class')", (self._name(connection, self.items),)
        ).fetchone()
        if row is None or row[0] != token or self.is_empty(connection):
            return False
        connection.execute(sql.SQL("COMMENT ON TABLE {} IS NULL").format(self.items))
        return True

    def kept_records(self, connection: psycopg.Connection[Any]) -> list[str]:
        """Return the ids in the table ``kept``; none if it was dropped."""
        if not self._exists(connection, self.kept):
            return []
        return [one for (one,) in connection.execute(sql.SQL("SELECT id FROM {}").format(self.kept))]

    @staticmethod
    def _name(connection: psycopg.Connection[Any], table: sql.Identifier) -> str:
        return re.sub('"', "", table.as_string(connection))

    def _exists(self, connection: psycopg.Connection[Any], table: sql.Identifier) -> bool:
        found = connection.execute("SELECT to_regclass(%s)", (self._name(connection, table),)).fetchone()
        return found != (None,)

    def is_empty(self, connection: psycopg.Connection[Any]) -> bool:
        """Return True if there is no item. ``parsing`` leaves some, so the database has crashed since then."""
        row = connection.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(self.items)).fetchone()
        return row is None or not row[0]

    def count_items(self, connection: psycopg.Connection[Any]) -> ItemCounts:
        """Count the items in one scan of their table."""
        row = connection.execute(
            sql.SQL("SELECT count(*) FILTER (WHERE is_new), count(*) FROM {}").format(self.items)
        ).fetchone()
        new, total = row or (0, 0)
        return ItemCounts(new, total - new)

    def count(
        self, connection: psycopg.Connection[Any], items: ItemCounts | None = None
    ) -> dict[str, int] | None:
        """Return the number of rows of each table, or ``None`` if a table other than ``left_out`` is missing.

        Args:
            connection: the connection of the batch.
            items: the result of ``count_items`` if the items have not changed since; they are not counted again.
        """
        counts: dict[str, int] = {}
        for kind in (*_KINDS, "left_out"):
            if kind == "items" and items is not None:
                counts[kind] = items.total
                continue
            if not self._exists(connection, self._table(kind)):
                if kind == "left_out":
                    continue
                return None
            row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(self._table(kind))).fetchone()
            counts[kind] = int(row[0]) if row else 0
        return counts
