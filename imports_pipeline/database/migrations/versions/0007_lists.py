"""Lists of imports and batches by when they changed, of one location, and with errors, without reading all."""

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
    # With the mode beside it, so that a list of both reads no row that it does not show.
    op.execute(
        "CREATE INDEX imports_with_errors ON imports (organization_id, has_errors_file, mode, created_at DESC, id DESC)"
    )


def downgrade() -> None:
    """Remove them."""
    op.execute("DROP INDEX imports_with_errors")
    for table in ("imports", "batches"):
        op.execute(f"DROP INDEX {table}_updated")
        op.execute(f"DROP INDEX {table}_at_location")
