"""A memory of rows that name groups or locations knows these, and the links to them, as the import left them."""

from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Add the exclusive or of their hashes."""
    op.execute("ALTER TABLE memories ADD COLUMN linked bigint")


def downgrade() -> None:
    """Drop it."""
    op.execute("ALTER TABLE memories DROP COLUMN linked")
