"""The checksum of a plan, what was decided about it, and which import corrects or carries out which.

Of the imports that carry out one dry run, one may be open, done, or refused by a guard: a refused one waits for its
approval, and a second click must not make a second one.
"""

from alembic import op

revision = "0020"
down_revision = "0018"


def upgrade() -> None:
    """Add the columns and the index."""
    op.execute(
        """
        ALTER TABLE imports
            ADD plan_checksum text,
            ADD expected_plan_checksum text,
            ADD corrects text COLLATE "C",
            ADD commits text COLLATE "C",
            ADD rejected_by text,
            ADD rejection_reason text
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX imports_commits ON imports (commits)"
        " WHERE commits IS NOT NULL AND (status NOT IN ('failed', 'timed_out', 'expired')"
        "                                OR code IN ('too_many_deletions', 'unidentified_rows'))"
    )
    op.execute("CREATE INDEX imports_all_commits ON imports (commits) WHERE commits IS NOT NULL")
    op.execute("CREATE INDEX imports_all_approves ON imports (approves) WHERE approves IS NOT NULL")
    op.execute("CREATE INDEX imports_corrects ON imports (corrects) WHERE corrects IS NOT NULL")


def downgrade() -> None:
    """Remove them."""
    op.execute("DROP INDEX imports_all_approves")
    op.execute(
        "ALTER TABLE imports DROP plan_checksum, DROP expected_plan_checksum, DROP corrects, DROP commits,"
        " DROP rejected_by, DROP rejection_reason"
    )
