"""Pages of records keep room for one changed record, so that a small update needs no new index entries.

A fill factor that somebody has set stays (docs/decisions/0045-room-in-the-pages.md).
"""

from alembic import op

revision = "0026"
down_revision = "0025"

SET = """
DO $$
DECLARE
    one regclass;
BEGIN
    FOREACH one IN ARRAY ARRAY['records.contacts', 'records.groups']::regclass[]
    LOOP
        IF NOT EXISTS (SELECT FROM pg_class c, pg_options_to_table(c.reloptions) o
                       WHERE c.oid = one AND o.option_name = 'fillfactor') THEN
            EXECUTE format('ALTER TABLE %s SET (fillfactor = 96)', one);
        END IF;
    END LOOP;
END $$
"""

RESET = """
ALTER TABLE records.contacts RESET (fillfactor);
ALTER TABLE records.groups RESET (fillfactor)
"""


def upgrade() -> None:
    """Set the fill factor of the shared tables, which editions copy."""
    op.execute(SET)


def downgrade() -> None:
    """Take it back."""
    op.execute(RESET)
