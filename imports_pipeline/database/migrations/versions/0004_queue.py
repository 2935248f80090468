"""Columns for the last run request of a queued batch, the expiry of an upload URL, and the removal of files."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns."""
    op.execute("ALTER TABLE batches ADD COLUMN launched_at timestamptz")
    op.execute(
        "ALTER TABLE imports ADD COLUMN upload_expires_at timestamptz, ADD COLUMN files_removed_at timestamptz"
    )
    op.execute("CREATE INDEX imports_with_files ON imports (updated_at) WHERE files_removed_at IS NULL")


def downgrade() -> None:
    """Remove them."""
    op.execute("ALTER TABLE imports DROP COLUMN files_removed_at, DROP COLUMN upload_expires_at")
    op.execute("ALTER TABLE batches DROP COLUMN launched_at")
