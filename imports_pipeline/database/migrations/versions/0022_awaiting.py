"""The index of the imports that may wait for an approval, so that their list does not look at all failed ones."""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Add the index."""
    op.execute(
        "CREATE INDEX imports_awaiting_approval ON imports (organization_id, created_at, id)"
        " WHERE status = 'failed' AND rejected_by IS NULL"
        " AND code IN ('too_many_deletions', 'unidentified_rows', 'plan_changed')"
    )


def downgrade() -> None:
    """Remove it."""
    op.execute("DROP INDEX imports_awaiting_approval")
