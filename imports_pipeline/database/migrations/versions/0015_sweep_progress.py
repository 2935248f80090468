"""How far the housekeeping has looked for unfinished files: a key of the file store beside the numbers of positions."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE retention_progress ADD place text COLLATE \"C\" NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE retention_progress ALTER position SET DEFAULT 0")


def downgrade() -> None:
    """Remove the column with its rows."""
    op.execute("DELETE FROM retention_progress WHERE place <> ''")
    op.execute("ALTER TABLE retention_progress ALTER position DROP DEFAULT")
    op.execute("ALTER TABLE retention_progress DROP place")
