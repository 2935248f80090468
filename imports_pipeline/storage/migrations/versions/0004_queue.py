"""When a queued batch was last handed to Dagster, and until when an upload is waited for."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns."""
    op.execute("ALTER TABLE batches ADD COLUMN launched_at timestamptz")
    op.execute("ALTER TABLE imports ADD COLUMN upload_expires_at timestamptz")


def downgrade() -> None:
    """Remove them."""
    op.execute("ALTER TABLE imports DROP COLUMN upload_expires_at")
    op.execute("ALTER TABLE batches DROP COLUMN launched_at")
