"""Pages of records keep room for one changed record, so that a small update needs no new index entries.

A fill factor that somebody has set stays (docs/decisions/0045-room-in-the-pages.md).
"""

from alembic import op

revision = "0026"
down_revision = "0025"

# Change the tables whose fill factor is {now}; NULL means that nobody has set one.
CHANGE = """
DO $$
DECLARE
    one regclass;
BEGIN
    FOREACH one IN ARRAY ARRAY['records.contacts', 'records.groups']::regclass[]
    LOOP
        IF (SELECT o.option_value FROM pg_class c, pg_options_to_table(c.reloptions) o
            WHERE c.oid = one AND o.option_name = 'fillfactor') IS NOT DISTINCT FROM {now} THEN
            EXECUTE format('ALTER TABLE %s {change}', one);
        END IF;
    END LOOP;
END $$
"""


def upgrade() -> None:
    """Set the fill factor of the shared tables, which editions copy."""
    op.execute(CHANGE.format(now="NULL", change="SET (fillfactor = 96)"))


def downgrade() -> None:
    """Take it back."""
    op.execute(CHANGE.format(now="'96'", change="RESET (fillfactor)"))
