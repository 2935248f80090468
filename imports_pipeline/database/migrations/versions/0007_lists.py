"""Indexes for lists of imports and batches by time of change, by location, and with errors."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the indexes, in the order of the lists."""
    for table in ("imports", "batches"):
        op.execute(f"CREATE INDEX {table}_updated ON {table} (organization_id, updated_at DESC, id DESC)")
        op.execute(
            f"CREATE INDEX {table}_at_location ON {table} (organization_id, location_id, created_at DESC, id DESC)"
            " WHERE location_id IS NOT NULL"
        )
    # The index includes the mode, so that a list that is filtered by both reads only the rows that it shows.
    op.execute(
        "CREATE INDEX imports_with_errors ON imports (organization_id, has_errors_file, mode, created_at DESC, id DESC)"
    )


def downgrade() -> None:
    """Remove them."""
    op.execute("DROP INDEX imports_with_errors")
    for table in ("imports", "batches"):
        op.execute(f"DROP INDEX {table}_updated")
        op.execute(f"DROP INDEX {table}_at_location")
