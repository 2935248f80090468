"""What the retention has done: how far it removed events of Dagster's runs, and whose dropped files are removed."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Create the table, and the column with its index."""
    op.execute(
        'CREATE TABLE retention_progress (name text COLLATE "C" PRIMARY KEY, position bigint NOT NULL)'
    )
    op.execute("ALTER TABLE imports ADD dropped_removed_at timestamptz")
    op.execute(
        "CREATE INDEX imports_with_dropped ON imports (updated_at)"
        " WHERE source = 'bucket' AND dropped_removed_at IS NULL"
    )


def downgrade() -> None:
    """Remove them."""
    op.execute("ALTER TABLE imports DROP dropped_removed_at")
    op.execute("DROP TABLE retention_progress")
