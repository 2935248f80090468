"""Batches without an import: their record is a row of ``imports`` too, under the batch's own id.

So there is one workflow, one queue and one way to end for both; ``via`` says which of them a row is.
"""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column, and the index that lists of imports by their status take."""
    op.execute(
        "ALTER TABLE imports ADD COLUMN via text NOT NULL DEFAULT 'file' CHECK (via IN ('api', 'file'))"
    )
    op.execute(
        "CREATE INDEX imports_by_status ON imports (organization_id, status, created_at DESC, id DESC)"
    )


def downgrade() -> None:
    """Remove them."""
    op.execute("DROP INDEX imports_by_status")
    op.execute("ALTER TABLE imports DROP COLUMN via")
