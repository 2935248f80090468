"""Editions: the table that has an organization's records of a resource.

Most organizations share one table, ``records.contacts`` or ``records.groups``. A large write builds a table for its
organization alone, an *edition*, in a schema of its own, and points to it when it commits. The table that it replaces
stays as it was: it holds the previous values of the records.

``use_editions`` puts the schemas of an organization's editions into the ``search_path``. A statement that names
``contacts`` then means the right table. Without it the name means a view of the current records of all organizations,
which is slower. ``docs/decisions/0037-editions.md`` explains why.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import class_row
from psycopg.types.multirange import Multirange

from imports_pipeline.database.literals import literal
from imports_pipeline.model import ids

Connection = psycopg.Connection[Any]

#: The schema of the shared tables, of the parents of all tables of records, and of the list of editions.
SHARED: Final = "records"
#: Begins the names of the schemas of editions. The rest is that of an id, which shows when the schema was made.
PREFIX: Final = "edition_"
# How long a large write waits for others that change records through the views, or build an edition. Readers and the
# writes of imports do not wait meanwhile.
_LOCK_TIMEOUT: Final = "5s"

# The search_path of an organization; an edition of groups and one of contacts have schemas of their own.
SEARCH_PATH: Final = """
    SELECT coalesce(string_agg(quote_ident(n.nspname), ', ') || ', ', '') || 'records, public'
    FROM records.editions e JOIN pg_catalog.pg_class c ON c.oid = e.relation
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE e.organization_id = %(organization)s AND e.retired_at IS NULL AND n.nspname <> 'records'
"""


@dataclass(frozen=True)
class Edition:
    """A table that was made for the records of one organization and resource."""

    #: the schema, which has this table and that of removed records
    schema: str
    #: the name of the table without its schema
    table: str

    @property
    def identifier(self) -> sql.Identifier:
        """The table with its schema."""
        return sql.Identifier(self.schema, self.table)

    @property
    def removed(self) -> sql.Identifier:
        """The table of the records (id, operation) that the import that made the edition left out."""
        return removed_table(self.schema)


@dataclass(frozen=True)
class Replaced:
    """A table that an import replaced, as it was then: the previous values of the records that the import changed."""

    #: the schema of the replaced table, and of the table that replaced it
    schema: str
    next_schema: str
    import_id: str
    replaced_at: datetime
    #: when the replaced table was the current one again, because a revert had gone back to it, or None. Its records may
    #: have changed then. The next table is as it was made, because a revert goes back only from such a table.
    current_again: Multirange[datetime] | None
    #: the import that was reverted, if ``import_id`` is a revert
    reverts: str | None
    #: True if the next table has the current records
    next_is_current: bool
    #: the number of records in the next table when it was made, and of those that the import had created or changed
    made_rows: int | None
    made_changes: int | None


def removed_table(schema: str) -> sql.Identifier:
    """Return the table of the records (id, operation) that the import that made an edition left out."""
    return sql.Identifier(schema, "removed")


def use_editions(connection: Connection, organization_id: str) -> None:
    """Let ``contacts`` and ``groups`` mean the organization's tables until the caller's transaction ends.

    A transaction that writes calls this after it has taken the write lock. Until then another write may replace the
    tables.
    """
    connection.execute(
        f"SELECT set_config('search_path', ({SEARCH_PATH}), true)", {"organization": organization_id}
    )


@contextmanager
def reading_records(connection: Connection, organization_id: str) -> Iterator[None]:
    """Begin a transaction in which ``contacts`` and ``groups`` mean the organization's tables."""
    with connection.transaction():
        use_editions(connection, organization_id)
        yield


@contextmanager
def new_edition(connection: Connection, table: str) -> Iterator[Edition | None]:
    """Create an empty table for a large write; drop it after the block if the block has not pointed to it.

    The table is created before the transaction of the write. A statement on the view that PostgreSQL plans from now on
    knows the table. If it were created by the write, a statement that was planned just before the commit, and reads
    just after it, would find no records.

    Args:
        connection: a connection in autocommit mode.
        table: ``contacts`` or ``groups``.

    Yields:
        the table, or None if it cannot be created now. The records are then changed row by row.
    """
    # Each attempt has a schema of its own: two processes may try to write the same import at once.
    edition = Edition(f"{PREFIX}{ids.new_id(ids.IMPORT).rpartition('_')[2]}", table)
    try:
        _create(connection, edition)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.InsufficientPrivilege):
        yield None
        return
    try:
        yield edition
    finally:
        # Housekeeping drops what cannot be dropped now.
        with suppress(psycopg.Error):
            drop_unused(connection, [edition.schema])


def _create(connection: Connection, edition: Edition) -> None:
    names = {"schema": sql.Identifier(edition.schema), "table": edition.identifier}
    with connection.transaction():
        connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(literal(_LOCK_TIMEOUT)))
        connection.execute(
            sql.SQL(
                """
                CREATE SCHEMA {schema};
                CREATE TABLE {table} () INHERITS ({parent}) {storage};
                ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
                CREATE POLICY organization ON {table} USING ((SELECT current_user) <> 'imports_api'
                    OR organization_id = (SELECT current_setting('imports.organization', true)))
                """
            ).format(
                parent=sql.Identifier(SHARED, f"all_{edition.table}"),
                storage=_storage(connection, f"{SHARED}.{edition.table}"),
                **names,
            )
        )
        if connection.execute("SELECT FROM pg_roles WHERE rolname = 'imports_api'").fetchone() is not None:
            connection.execute(
                sql.SQL(
                    "GRANT USAGE ON SCHEMA {schema} TO imports_api; GRANT SELECT ON {table} TO imports_api"
                ).format(**names)
            )


def _storage(connection: Connection, table: str) -> sql.Composable:
    """Return the clause with a table's storage parameters, such as its fill factor, or an empty text."""
    rows = connection.execute(
        "SELECT option_name, option_value FROM pg_class, pg_options_to_table(reloptions) WHERE oid = %s::regclass",
        (table,),
    ).fetchall()
    if not rows:
        return sql.SQL("")
    settings = [sql.SQL("{} = {}").format(sql.Identifier(name), literal(value)) for name, value in rows]
    return sql.SQL("WITH ({})").format(sql.SQL(", ").join(settings))


def create_removed(connection: Connection, edition: Edition) -> None:
    """Create the table ``edition.removed`` in the transaction that fills it, so that its rows may need no WAL."""
    connection.execute(
        sql.SQL('CREATE TABLE {} (id text COLLATE "C" NOT NULL, operation text NOT NULL)').format(
            edition.removed
        )
    )


def block_other_writers(connection: Connection, table: str) -> bool:
    """Let changes through the view wait until the caller's transaction ends; return False if that is impossible now.

    Imports do not use the view. They wait for each other at the write lock.
    """
    try:
        with connection.transaction():
            connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(literal(_LOCK_TIMEOUT)))
            connection.execute(
                sql.SQL("LOCK TABLE ONLY {} IN SHARE MODE").format(sql.Identifier(SHARED, f"all_{table}"))
            )
            connection.execute("SET LOCAL lock_timeout = DEFAULT")
    except psycopg.errors.LockNotAvailable:
        return False
    return True


def point_to(
    connection: Connection,
    organization_id: str,
    resource: str,
    schema: str,
    table: str,
    import_id: str,
) -> None:
    """Make the table in ``schema`` the one with the organization's records, when the caller's transaction commits."""
    values = {
        "organization": organization_id,
        "resource": resource,
        "relation": f"{schema}.{table}",
        "shared": f"{SHARED}.{table}",
        "import": import_id,
    }
    retired = connection.execute(
        "UPDATE records.editions SET retired_by = %(import)s, retired_at = now()"
        " WHERE organization_id = %(organization)s AND resource = %(resource)s AND retired_at IS NULL",
        values,
    ).rowcount
    if not retired:
        connection.execute(
            "INSERT INTO records.editions (organization_id, resource, relation, made_at, retired_by, retired_at)"
            " VALUES (%(organization)s, %(resource)s, %(shared)s::regclass, '-infinity', %(import)s, now())",
            values,
        )
    connection.execute(
        "INSERT INTO records.editions (organization_id, resource, relation, made_by)"
        " VALUES (%(organization)s, %(resource)s, %(relation)s::regclass, %(import)s)",
        values,
    )
    connection.execute(
        "UPDATE records.replacements SET count = count + 1"
        " WHERE resource = %(resource)s AND slot = hashtext(%(organization)s) & 15",
        values,
    )
    use_editions(connection, organization_id)


def complete(connection: Connection, edition: Edition, rows: int, changes: int) -> None:
    """Build the indexes of a filled edition, and its statistics; store its counts."""
    shared = sql.Identifier(SHARED, edition.table).as_string(connection)
    definitions = connection.execute(
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass ORDER BY indexrelid",
        (f"{SHARED}.{edition.table}",),
    ).fetchall()
    plain = shared.replace('"', "")
    for (definition,) in definitions:
        # The primary key becomes a unique index. To add a primary key would lock out readers of the view.
        statement = definition.replace(f" ON {plain} ", f" ON {edition.schema}.{edition.table} ")
        assert statement != definition, f"{definition} is no index of {plain}"
        connection.execute(statement)
    # Statistics of the usual size: autovacuum would not make better ones before the records change.
    connection.execute("SET LOCAL default_statistics_target = DEFAULT")
    connection.execute(sql.SQL("ANALYZE {}").format(edition.identifier))
    connection.execute(
        "UPDATE records.editions SET made_rows = %s, made_changes = %s WHERE relation = %s::regclass",
        (rows, changes, f"{edition.schema}.{edition.table}"),
    )


def replaced_tables(connection: Connection, organization_id: str, resource: str) -> list[Replaced]:
    """Return the tables that large writes of an organization replaced and that still exist, oldest first."""
    cursor = connection.cursor(row_factory=class_row(Replaced))
    return cursor.execute(
        """
        SELECT before.relation_schema AS schema, next.relation_schema AS next_schema, before.retired_by AS import_id,
               before.retired_at AS replaced_at,
               (SELECT range_agg(tstzrange(again.made_at, again.retired_at)) FROM records.editions again
                WHERE again.relation = before.relation AND again.organization_id = before.organization_id
                AND again.id > before.id) AS current_again,
               i.reverts, next.retired_at IS NULL AS next_is_current, next.made_rows, next.made_changes
        FROM (SELECT e.*, n.nspname AS relation_schema FROM records.editions e
              JOIN pg_class c ON c.oid = e.relation JOIN pg_namespace n ON n.oid = c.relnamespace) before
        JOIN (SELECT e.*, n.nspname AS relation_schema FROM records.editions e
              JOIN pg_class c ON c.oid = e.relation JOIN pg_namespace n ON n.oid = c.relnamespace) next
          ON next.organization_id = before.organization_id AND next.resource = before.resource
             AND next.made_by = before.retired_by
        LEFT JOIN imports i ON i.id = before.retired_by
        WHERE before.organization_id = %s AND before.resource = %s ORDER BY before.id
        """,
        (organization_id, resource),
    ).fetchall()


def drop_unused(connection: Connection, schemas: list[str]) -> int:
    """Drop those schemas of editions to which nothing points; return their number. Wait for nobody."""
    count = 0
    for (schema,) in connection.execute(
        """
        SELECT n.nspname FROM pg_namespace n WHERE n.nspname = ANY(%s) AND NOT EXISTS (
            SELECT FROM pg_class c JOIN records.editions e ON e.relation = c.oid WHERE c.relnamespace = n.oid)
        """,
        (schemas,),
    ).fetchall():
        with suppress(psycopg.errors.LockNotAvailable), connection.transaction():
            # Readers of the view wait behind this for as long as it waits for a reader.
            connection.execute("SET LOCAL lock_timeout = '100ms'")
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
            count += 1
    return count
