"""Batches without an import. Their record is also a row of ``imports``, with the batch's own id.

Both therefore share the workflow, the queue and the finalization. The column ``via`` distinguishes them.
"""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column, and the index for lists of imports by their status."""
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
