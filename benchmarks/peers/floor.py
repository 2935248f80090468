"""The lower bound: ``COPY`` into a staging table and one statement into a table with our columns and indexes.

    python -m benchmarks.peers.floor CASE URL FILE…

Checks nothing, reports nothing, keeps nothing: what PostgreSQL itself costs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psycopg

from benchmarks import contacts

_COLUMNS: Final = contacts.HEADER.split(",")
_STAGING: Final = "CREATE UNLOGGED TABLE floor_staging ({})".format(
    ", ".join(f'"{name}" text' for name in _COLUMNS)
)
PREPARE: Final = (
    "CREATE TABLE floor_contacts (LIKE records.contacts INCLUDING ALL)",
    _STAGING,
    "CREATE UNLOGGED TABLE floor_ids (id text)",
)
_KEYS: Final = """
    CREATE UNIQUE INDEX ON floor_staging (external_id);
    ANALYZE floor_staging;
"""
_UPSERT: Final = """
    INSERT INTO floor_contacts AS c (organization_id, id, name, email, phone, address, external_id, notes,
        is_primary, id_number, metadata, alternate_emails)
    SELECT DISTINCT ON (external_id) 'default', 'ctct_' || left(replace(uuidv7()::text, '-', ''), 26), name, email,
        phone, address, external_id, notes, is_primary::boolean, id_number,
        jsonb_build_object('unit', "metadata.unit"), jsonb_build_object('work', "alternate_emails.work")
    FROM floor_staging ORDER BY external_id
    ON CONFLICT (organization_id, external_id) WHERE external_id IS NOT NULL DO UPDATE
    SET name = excluded.name, email = excluded.email, phone = excluded.phone, address = excluded.address,
        notes = excluded.notes, is_primary = excluded.is_primary, id_number = excluded.id_number,
        metadata = excluded.metadata, alternate_emails = excluded.alternate_emails, updated_at = now()
    WHERE (c.name, c.email, c.phone, c.address, c.notes, c.is_primary, c.id_number, c.metadata, c.alternate_emails)
        IS DISTINCT FROM (excluded.name, excluded.email, excluded.phone, excluded.address, excluded.notes,
            excluded.is_primary, excluded.id_number, excluded.metadata, excluded.alternate_emails)
"""
_OTHERS: Final = """
    DELETE FROM floor_contacts c
    WHERE NOT EXISTS (SELECT FROM floor_staging s WHERE s.external_id = c.external_id)
"""
_DELETE: Final = (
    "DELETE FROM floor_contacts c USING floor_ids d WHERE c.organization_id = 'default' AND c.id = d.id"
)


def main(case: str, url: str, paths: list[str]) -> None:
    """Load the files; each file is one transaction."""
    into, statements = ("floor_ids", [_DELETE]) if case == "delete" else ("floor_staging", [_UPSERT])
    if case == "replace_half" or case.endswith("overwrite"):
        statements = [_KEYS, _UPSERT, _OTHERS]
    with psycopg.connect(url) as connection:
        for path in paths:
            _copy(connection, into, Path(path))
            for statement in statements:
                connection.execute(statement)  # type: ignore[arg-type]
            connection.execute(f"TRUNCATE {into}")
            connection.commit()


def _copy(connection: psycopg.Connection[Any], table: str, path: Path) -> None:
    with (
        path.open("rb") as file,
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv, HEADER)") as copy,
    ):
        read: Callable[[], bytes] = lambda: file.read(1 << 20)  # noqa: E731
        for block in iter(read, b""):
            copy.write(block)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
