"""The table of saved mappings: the columns of a file, by a name that imports refer to."""

from alembic import op

revision = "0011"
down_revision = "0010"

TABLE = """
CREATE TABLE saved_mappings (
    organization_id text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    resource        text NOT NULL CHECK (resource IN ('contact', 'group')),
    header          jsonb NOT NULL,
    column_mapping  jsonb NOT NULL,
    known_file      text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, name)
)
"""


def upgrade() -> None:
    """Create the table. The role of the HTTP API has no right to it: only runs read it."""
    op.execute(TABLE)


def downgrade() -> None:
    """Remove it."""
    op.execute("DROP TABLE saved_mappings")
