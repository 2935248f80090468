"""The files that were dropped into the upload folders. Each content has one row, so that it is imported once.

A row is *open* while the file is still where it was dropped, so that it is not treated as new. At most one row of a key
has the state `seen`; a file that still changes keeps that row.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
CREATE TABLE uploads (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id text COLLATE "C",
    key             text COLLATE "C" NOT NULL,
    version         text COLLATE "C" NOT NULL,
    size            bigint NOT NULL,
    modified        double precision NOT NULL,
    state           text NOT NULL
                    CHECK (state IN ('seen', 'skipped', 'imported', 'left', 'moved', 'superseded', 'gone')),
    reason          text,
    import_id       text COLLATE "C" UNIQUE,
    options_version text COLLATE "C",
    seen_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    offered_at      timestamptz,
    ended_at        timestamptz
);
CREATE UNIQUE INDEX uploads_open ON uploads (key, version) WHERE state IN ('seen', 'skipped', 'imported', 'left');
CREATE UNIQUE INDEX uploads_seen ON uploads (key) WHERE state = 'seen';
CREATE INDEX uploads_imported ON uploads (id) WHERE state = 'imported';
CREATE INDEX uploads_ended ON uploads (ended_at) WHERE ended_at IS NOT NULL;
"""


def upgrade() -> None:
    """Create everything."""
    op.execute(TABLES)


def downgrade() -> None:
    """Remove everything."""
    op.execute("DROP TABLE uploads")
