"""Removes from the batches what the records of their imports have: the options, and the reports of the phases."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Drop the columns."""
    op.execute("ALTER TABLE batches DROP options, DROP phases")


def downgrade() -> None:
    """Add the columns, and copy their values from the imports."""
    op.execute("ALTER TABLE batches ADD options jsonb, ADD phases jsonb NOT NULL DEFAULT '[]'")
    op.execute(
        "UPDATE batches b SET options = i.options, phases = coalesce((SELECT jsonb_agg(entry ORDER BY position)"
        " FROM jsonb_array_elements(i.phases) WITH ORDINALITY AS p(entry, position)"
        " WHERE entry ->> 'name' IN ('parsing', 'validation', 'processing', 'cleanup')), '[]')"
        " FROM imports i WHERE i.id = b.import_id"
    )
    op.execute("ALTER TABLE batches ALTER options SET NOT NULL")
