"""Lists of imports and batches by when they changed, and those of one location, without reading all of them."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the indexes, ordered as the lists are."""
    for table in ("imports", "batches"):
        op.execute(f"CREATE INDEX {table}_updated ON {table} (organization_id, updated_at DESC, id DESC)")
        op.execute(
            f"CREATE INDEX {table}_at_location ON {table} (organization_id, location_id, created_at DESC, id DESC)"
            " WHERE location_id IS NOT NULL"
        )


def downgrade() -> None:
    """Remove them."""
    for table in ("imports", "batches"):
        op.execute(f"DROP INDEX {table}_updated")
        op.execute(f"DROP INDEX {table}_at_location")
