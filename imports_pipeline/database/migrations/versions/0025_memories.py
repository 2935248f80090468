"""Memories of imports: what the outcome of the next file of the same kind may be taken from.

The rows themselves are in files beside those of the import. ``docs/decisions/0043-memory-of-imports.md`` explains them.
"""

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Create the table, which the role of the HTTP API cannot read: it has keys."""
    op.execute(
        """
        CREATE TABLE memories (
            import_id       text COLLATE "C" PRIMARY KEY,
            organization_id text COLLATE "C" NOT NULL,
            kind            bytea NOT NULL,
            -- The key of the fingerprints.
            key             bytea NOT NULL,
            -- Records that transactions before this one have written are as the import has seen them, and those that
            -- its own transaction has written.
            since           bigint NOT NULL,
            own             bigint,
            -- The table that had the records, their number, and the exclusive or of the hashes of their ids.
            relation        bigint NOT NULL,
            records         bigint NOT NULL,
            ids             bigint NOT NULL,
            completed       boolean NOT NULL DEFAULT false,
            -- True if the memory knows every record of the file.
            whole           boolean NOT NULL DEFAULT false,
            -- The digests of its files: new rows, and those that the memory before it knew, if it knew any.
            digests         bytea
        );
        CREATE INDEX memories_kind ON memories (organization_id, kind) WHERE completed;
        """
    )


def downgrade() -> None:
    """Drop the table."""
    op.execute("DROP TABLE memories")
