"""The stored resources, the registry of imports and batches, and the staging schema.

Ids are TypeIDs that are compared byte by byte (``COLLATE "C"``). They sort by time, so that an index grows at its right
edge. Every table's key starts with the organization, so that no join can mix two organizations.

There are no foreign keys between records and their links, because a check of each row takes longer than the write
itself. The set-based writes of ``batch_phases/`` keep them consistent: a link is written under a key-share lock on its
record, and a record is deleted before its links.
"""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE SCHEMA IF NOT EXISTS staging;

CREATE TABLE contacts (
    organization_id     text COLLATE "C" NOT NULL,
    id                  text COLLATE "C" NOT NULL,
    name                text NOT NULL,
    email               text,
    phone               text,
    address             text,
    address_line2       text,
    alternate_names     jsonb NOT NULL DEFAULT '{}',
    alternate_emails    jsonb NOT NULL DEFAULT '{}',
    alternate_phones    jsonb NOT NULL DEFAULT '{}',
    alternate_addresses jsonb NOT NULL DEFAULT '{}',
    id_number           text,
    external_id         text,
    is_primary          boolean,
    notes               text,
    metadata            jsonb NOT NULL DEFAULT '{}',
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    updated_by          text,
    PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX contacts_external_id ON contacts (organization_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX contacts_email ON contacts (organization_id, lower(email)) WHERE email IS NOT NULL;

CREATE TABLE locations (
    organization_id text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,
    name            text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, name)
);

CREATE TABLE groups (
    organization_id text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,
    name            text NOT NULL,
    resource        text NOT NULL CHECK (resource IN ('contact', 'location')),
    external_id     text,
    location_id     text COLLATE "C",
    metadata        jsonb NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    updated_by      text,
    PRIMARY KEY (organization_id, id),
    CHECK (location_id IS NULL OR resource = 'contact')
);
CREATE UNIQUE INDEX groups_external_id ON groups (organization_id, external_id) WHERE external_id IS NOT NULL;
CREATE UNIQUE INDEX groups_name ON groups (organization_id, resource, name);

-- A group's members: contacts or locations, depending on the group's resource.
CREATE TABLE memberships (
    organization_id text COLLATE "C" NOT NULL,
    group_id        text COLLATE "C" NOT NULL,
    member_id       text COLLATE "C" NOT NULL,
    PRIMARY KEY (organization_id, group_id, member_id)
);
CREATE INDEX memberships_member ON memberships (organization_id, member_id);

CREATE TABLE contact_locations (
    organization_id text COLLATE "C" NOT NULL,
    contact_id      text COLLATE "C" NOT NULL,
    location_id     text COLLATE "C" NOT NULL,
    PRIMARY KEY (organization_id, contact_id, location_id)
);
CREATE INDEX contact_locations_location ON contact_locations (organization_id, location_id);

-- Counts the committed writes of a resource. A plan that was made on an older generation is made again.
CREATE TABLE generations (
    organization_id text COLLATE "C" NOT NULL,
    resource        text NOT NULL,
    generation      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (organization_id, resource)
);

CREATE TABLE imports (
    id              text COLLATE "C" PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL,
    name            text,
    resource        text NOT NULL,
    action          text NOT NULL,
    mode            text NOT NULL,
    status          text NOT NULL,
    reason          text,
    code            text,
    location_id     text COLLATE "C",
    options         jsonb NOT NULL,
    detected        jsonb NOT NULL DEFAULT '{}',
    phases          jsonb NOT NULL DEFAULT '[]',
    stats           jsonb NOT NULL DEFAULT '{}',
    plan            jsonb,
    checksum        text,
    batch_id        text COLLATE "C",
    run_id          text,
    source          text NOT NULL,
    source_uri      text,
    has_upload_file boolean NOT NULL DEFAULT false,
    has_errors_file boolean NOT NULL DEFAULT false,
    created_by      text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX imports_organization ON imports (organization_id, created_at DESC, id DESC);
CREATE INDEX imports_run ON imports (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX imports_open ON imports (created_at) WHERE status IN ('requested', 'queued', 'processing');

CREATE TABLE batches (
    id              text COLLATE "C" PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL,
    import_id       text COLLATE "C" UNIQUE,
    resource        text NOT NULL,
    action          text NOT NULL,
    mode            text NOT NULL,
    via             text NOT NULL CHECK (via IN ('api', 'file')),
    status          text NOT NULL,
    reason          text,
    code            text,
    location_id     text COLLATE "C",
    options         jsonb NOT NULL,
    phases          jsonb NOT NULL DEFAULT '[]',
    stats           jsonb NOT NULL DEFAULT '{}',
    plan            jsonb,
    staged          jsonb,
    generations     jsonb,
    -- Until this time the process that queued the batch writes it itself. The sensor takes it only afterwards.
    claimed_until   timestamptz,
    created_by      text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX batches_organization ON batches (organization_id, created_at DESC, id DESC);
CREATE INDEX batches_open ON batches (created_at) WHERE status IN ('requested', 'queued', 'processing');
"""


def upgrade() -> None:
    """Create everything."""
    op.execute(TABLES)


def downgrade() -> None:
    """Remove everything."""
    op.execute(
        """
        DROP TABLE batches, imports, generations, contact_locations, memberships, groups, locations, contacts;
        DROP SCHEMA staging CASCADE;
        """
    )
