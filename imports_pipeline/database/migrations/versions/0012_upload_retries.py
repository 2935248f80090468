"""When the work on a dropped file last failed, so that one bad file is retried later and holds up no other."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE uploads ADD tried_at timestamptz")


def downgrade() -> None:
    """Remove it."""
    op.execute("ALTER TABLE uploads DROP tried_at")
