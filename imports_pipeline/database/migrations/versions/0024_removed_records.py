"""The records that a large write removed are listed beside the table that it made, without an index.

In one table of all organizations, the index took most of the time of the list (docs/decisions/0037-editions.md).
"""

from alembic import op

revision = "0024"
down_revision = "0023"

MOVE = """
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT e.made_by, e.organization_id, n.nspname
               FROM records.editions e JOIN pg_class c ON c.oid = e.relation
               JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname <> 'records' AND e.made_rows IS NOT NULL
    LOOP
        EXECUTE format('CREATE TABLE %I.removed (id text COLLATE "C" NOT NULL, operation text NOT NULL)', one.nspname);
        EXECUTE format('INSERT INTO %I.removed SELECT id, operation FROM records.removed'
                       ' WHERE import_id = %L AND organization_id = %L', one.nspname, one.made_by, one.organization_id);
    END LOOP;
END $$;
DROP TABLE records.removed
"""

BACK = """
CREATE TABLE records.removed (
    import_id       text COLLATE "C" NOT NULL,
    organization_id text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,
    operation       text NOT NULL CHECK (operation IN ('deleted', 'overwritten')),
    removed_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, id, import_id)
);
CREATE INDEX removed_import ON records.removed USING brin (removed_at);
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT e.made_by, e.made_at, e.organization_id, n.nspname
               FROM records.editions e JOIN pg_class c ON c.oid = e.relation
               JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname <> 'records' AND e.made_rows IS NOT NULL
    LOOP
        EXECUTE format('INSERT INTO records.removed SELECT %L, %L, id, operation, %L FROM %I.removed',
                       one.made_by, one.organization_id, one.made_at, one.nspname);
    END LOOP;
    -- Also those of large writes that did not end.
    FOR one IN SELECT c.oid::regclass AS relation FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname ~ '^edition_[0-9a-z]{26}$' AND c.relname = 'removed'
    LOOP
        EXECUTE format('DROP TABLE %s', one.relation);
    END LOOP;
END $$
"""


def upgrade() -> None:
    """Move each list to the schema of its edition."""
    op.execute(MOVE)


def downgrade() -> None:
    """Move the lists to one table."""
    op.execute(BACK)
