"""Which refused import an import approves, and who approved it.

Of the approvals of one import, only one may be open or done.
"""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the columns and the index."""
    op.execute('ALTER TABLE imports ADD approves text COLLATE "C", ADD approved_by text')
    op.execute(
        "CREATE UNIQUE INDEX imports_approves ON imports (approves)"
        " WHERE approves IS NOT NULL AND status NOT IN ('failed', 'timed_out', 'expired')"
    )


def downgrade() -> None:
    """Remove them."""
    op.execute("ALTER TABLE imports DROP approves, DROP approved_by")
