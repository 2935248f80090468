"""Notices of an import: a list of ``{phase, code, message}`` in addition to the reports of its phases."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE imports ADD COLUMN notices jsonb NOT NULL DEFAULT '[]'")


def downgrade() -> None:
    """Remove the column."""
    op.execute("ALTER TABLE imports DROP COLUMN notices")
