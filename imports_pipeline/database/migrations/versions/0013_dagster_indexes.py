"""Indexes on Dagster's tables, and one for reverts of imports, created without blocking writes."""

from typing import Any

import psycopg
from alembic import op

from imports_pipeline.database import dagster_indexes

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Create them."""
    with op.get_context().autocommit_block():
        # An interrupted creation leaves an invalid index behind.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS imports_reverts")
        op.execute("CREATE INDEX CONCURRENTLY imports_reverts ON imports (organization_id, reverts)")
        dagster_indexes.create_missing(_connection())


def downgrade() -> None:
    """Remove them."""
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY imports_reverts")
        dagster_indexes.drop(_connection())


def _connection() -> psycopg.Connection[Any]:
    """Return the driver's connection, in autocommit mode."""
    connection = op.get_bind().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    return connection
