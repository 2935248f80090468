"""Settings of organizations; pre-images of what imports change, so that an import can be undone.

A pre-image is the whole row as it was, in a table of the same columns: cheaper to write than JSON, and restored
by one INSERT or UPDATE. It is found by its import (written together, so a BRIN index does) and by its record.
A record that an import created has no pre-image; ``created_by`` names the import.
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

-- The links that an import added or removed: `own` is the record it changed, `other` what that was linked to.
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
