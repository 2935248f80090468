"""Settings of organizations, and pre-images of the records that imports change, so that an import can be undone.

A pre-image is the whole previous row in a table with the same columns. It is cheaper to write than JSON, and one INSERT
or UPDATE restores it. It is found by its import, for which a BRIN index suffices because an import's rows are written
together, and by its record. A record that an import has created has no pre-image; ``created_by`` names the import.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = """
CREATE TABLE organizations (
    id     text COLLATE "C" PRIMARY KEY,
    limits jsonb NOT NULL DEFAULT '{}'
);

ALTER TABLE contacts ADD COLUMN created_by text COLLATE "C";
ALTER TABLE groups ADD COLUMN created_by text COLLATE "C";

CREATE TABLE contacts_history (
    import_id  text COLLATE "C" NOT NULL,
    operation  text NOT NULL CHECK (operation IN ('updated', 'deleted', 'overwritten')),
    changed_at timestamptz NOT NULL,
    LIKE contacts
);
CREATE INDEX contacts_history_import ON contacts_history USING brin (import_id, changed_at);
CREATE INDEX contacts_history_record ON contacts_history (organization_id, id);

CREATE TABLE groups_history (
    import_id  text COLLATE "C" NOT NULL,
    operation  text NOT NULL CHECK (operation IN ('updated', 'deleted', 'overwritten')),
    changed_at timestamptz NOT NULL,
    LIKE groups
);
CREATE INDEX groups_history_import ON groups_history USING brin (import_id, changed_at);
CREATE INDEX groups_history_record ON groups_history (organization_id, id);

-- The links that an import added or removed: `own` is the changed record, `other` is the linked record.
CREATE TABLE links_history (
    import_id       text COLLATE "C" NOT NULL,
    organization_id text COLLATE "C" NOT NULL,
    relation        text NOT NULL,
    own             text COLLATE "C" NOT NULL,
    other           text COLLATE "C" NOT NULL,
    added           boolean NOT NULL,
    changed_at      timestamptz NOT NULL
);
CREATE INDEX links_history_import ON links_history USING brin (import_id, changed_at);
CREATE INDEX links_history_own ON links_history (organization_id, own);

ALTER TABLE imports ADD COLUMN reverts text COLLATE "C";
ALTER TABLE imports ADD COLUMN written_at timestamptz;
"""


def upgrade() -> None:
    """Create everything."""
    op.execute(TABLES)


def downgrade() -> None:
    """Remove everything."""
    op.execute(
        """
        ALTER TABLE imports DROP COLUMN reverts, DROP COLUMN written_at;
        DROP TABLE links_history, groups_history, contacts_history, organizations;
        ALTER TABLE groups DROP COLUMN created_by;
        ALTER TABLE contacts DROP COLUMN created_by;
        """
    )
