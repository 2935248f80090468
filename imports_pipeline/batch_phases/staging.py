"""The staging tables of a batch: items, references, what must not be removed, links and records that change.

They are UNLOGGED, so a crash of the database empties them: ``count`` is compared before they are trusted, and
``parsing`` fills them again from the files. Their names are made of the batch's id alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from imports_pipeline.database.statistics import analyze
from imports_pipeline.model import ids

_KINDS: Final = ("items", "refs", "protected", "kept", "links", "updates")


@dataclass(frozen=True)
class Staging:
    """The staging tables of one batch, by name."""

    batch_id: str

    def __post_init__(self) -> None:
        """Refuse anything but a batch id: the tables are named after it."""
        if not ids.is_id(ids.BATCH, self.batch_id):
            raise ValueError(f"{self.batch_id!r} is no batch id")

    def _table(self, kind: str) -> sql.Identifier:
        return sql.Identifier("staging", f"{kind}_{self.batch_id.removeprefix('btch_')}")

    @property
    def items(self) -> sql.Identifier:
        """(line, id, is_new, f0 …): one line an item."""
        return self._table("items")

    @property
    def refs(self) -> sql.Identifier:
        """(line, id, relation, operation, field, reference, target_id, problem): one line a reference."""
        return self._table("refs")

    @property
    def protected(self) -> sql.Identifier:
        """(line, field, value, strength): what rejected rows show (``import_phases/shown_identities.py``)."""
        return self._table("protected")

    @property
    def kept(self) -> sql.Identifier:
        """(id): the records that rejected rows identify, which an overwrite does not remove."""
        return self._table("kept")

    @property
    def links(self) -> sql.Identifier:
        """(relation, id, target_id, added): the links that the batch will add or remove."""
        return self._table("links")

    @property
    def updates(self) -> sql.Identifier:
        """(line, id, is_unknown, changes): the items that change their stored record, or that have none."""
        return self._table("updates")

    def create(self, connection: psycopg.Connection[Any], fields: Sequence[str]) -> None:
        """Make the tables afresh for items of these fields."""
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
                values=values,
            )
        )

    def drop(self, connection: psycopg.Connection[Any]) -> None:
        """Remove the tables if they are there."""
        connection.execute(
            sql.SQL("DROP TABLE IF EXISTS {}").format(
                sql.SQL(", ").join(self._table(kind) for kind in _KINDS)
            )
        )

    def analyze(self, connection: psycopg.Connection[Any]) -> None:
        """Tell the planner how large the tables are; nothing else does."""
        for kind in _KINDS:
            analyze(connection, self._table(kind))

    def is_empty(self, connection: psycopg.Connection[Any]) -> bool:
        """Return whether there is no item: then the database has crashed since ``parsing``, which leaves some."""
        row = connection.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(self.items)).fetchone()
        return row is None or not row[0]

    def count(self, connection: psycopg.Connection[Any]) -> dict[str, int] | None:
        """Count the rows of each table, or ``None`` when one is missing."""
        counts = {}
        for kind in _KINDS:
            name = re.sub('"', "", self._table(kind).as_string(connection))
            if connection.execute("SELECT to_regclass(%s)", (name,)).fetchone() == (None,):
                return None
            row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(self._table(kind))).fetchone()
            counts[kind] = int(row[0]) if row else 0
        return counts
