"""The order in which imports were accepted, and the time that was spent on an import outside its phases' reports.

Existing imports that have written, or wait to write, get their numbers in the order of their creation. A queued import
is then recognised if a newer import has already been written.
"""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns, the counters, and the indexes that find the imports before and after another."""
    op.execute(
        "ALTER TABLE imports ADD COLUMN accepted bigint, ADD COLUMN waited_seconds float8 NOT NULL DEFAULT 0"
    )
    op.execute(
        """
        UPDATE imports i SET accepted = numbered.number
        FROM (SELECT id, row_number() OVER (PARTITION BY organization_id, resource ORDER BY created_at, id) AS number
              FROM imports WHERE written_at IS NOT NULL OR status IN ('queued', 'processing')) AS numbered
        WHERE numbered.id = i.id
        """
    )
    op.execute(
        """
        CREATE TABLE acceptances (
            organization_id text COLLATE "C" NOT NULL,
            resource        text NOT NULL,
            last            bigint NOT NULL,
            PRIMARY KEY (organization_id, resource)
        )
        """
    )
    op.execute(
        "INSERT INTO acceptances SELECT organization_id, resource, max(accepted) FROM imports"
        " WHERE accepted IS NOT NULL GROUP BY organization_id, resource"
    )
    op.execute(
        "CREATE INDEX imports_accepted ON imports (organization_id, resource, accepted) WHERE written_at IS NOT NULL"
    )
    op.execute(
        "CREATE INDEX imports_unwritten ON imports (organization_id, resource, accepted)"
        " WHERE status IN ('queued', 'processing')"
    )


def downgrade() -> None:
    """Remove them."""
    op.execute("DROP TABLE acceptances")
    op.execute("ALTER TABLE imports DROP COLUMN accepted, DROP COLUMN waited_seconds")
