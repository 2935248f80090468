"""Tables of the HTTP API: keys, idempotency keys, imports that wait for their upload; and row-level security.

Row-level security is a second protection behind the API's own conditions. The API's statements run as the role
``imports_api``, which sees only the rows of the organization in the setting ``imports.organization``. Nothing changes
for other roles. Roles belong to the whole server. If the database user may not create roles, an administrator has to,
and the API reports that until then.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = """
CREATE TABLE api_keys (
    id              text COLLATE "C" PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL,
    name            text,
    -- SHA-256 of the secret. A slower hash is not needed, because a secret of 256 random bits cannot be guessed.
    hash            bytea NOT NULL,
    scopes          text[] NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz,
    revoked_at      timestamptz
);
CREATE INDEX api_keys_organization ON api_keys (organization_id, created_at);

CREATE TABLE idempotency_keys (
    organization_id text COLLATE "C" NOT NULL,
    key             text COLLATE "C" NOT NULL,
    fingerprint     bytea NOT NULL,
    object_id       text COLLATE "C" NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

-- The maximum size in bytes of the awaited upload, and the time of the last run request of its import.
ALTER TABLE imports ADD COLUMN upload_limit bigint, ADD COLUMN offered_at timestamptz;
CREATE INDEX imports_awaiting ON imports (id) WHERE status = 'requested' AND upload_expires_at IS NOT NULL;
"""

ROLE = """
DO $$
BEGIN
    CREATE ROLE imports_api NOLOGIN;
    -- The creator of a role may administer it, but may not act as it without this.
    EXECUTE format('GRANT imports_api TO %I WITH SET TRUE', current_user);
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE WARNING 'the role imports_api cannot be made by this user; the HTTP API needs it (docs/reference/api.md)';
END $$;
"""

#: The permissions of the role on each table, in addition to reading the rows of its organization.
RIGHTS = {
    "contacts": "SELECT",
    "groups": "SELECT",
    "locations": "SELECT, INSERT",
    "memberships": "SELECT",
    "contact_locations": "SELECT",
    "imports": "SELECT, INSERT, UPDATE",
    "batches": "SELECT, INSERT, UPDATE",
    "generations": "SELECT, INSERT, UPDATE",
    "idempotency_keys": "SELECT, INSERT, UPDATE",
}


def upgrade() -> None:
    """Create everything."""
    op.execute(TABLES)
    op.execute(ROLE)
    for table, rights in RIGHTS.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            # The settings are read in subqueries, so that PostgreSQL reads them once for each statement, not each row.
            f"CREATE POLICY organization ON {table} USING ((SELECT current_user) <> 'imports_api'"
            " OR organization_id = (SELECT current_setting('imports.organization', true)))"
        )
        op.execute(
            f"""
            DO $$ BEGIN
                IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'imports_api') THEN
                    GRANT {rights} ON {table} TO imports_api;
                END IF;
            END $$
            """
        )


def downgrade() -> None:
    """Remove everything except the role, which other databases of the server may use."""
    for table in RIGHTS:
        op.execute(f"DROP POLICY organization ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        op.execute(
            f"""
            DO $$ BEGIN
                IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'imports_api') THEN
                    REVOKE ALL ON {table} FROM imports_api;
                END IF;
            END $$
            """
        )
    op.execute("DROP INDEX imports_awaiting")
    op.execute("ALTER TABLE imports DROP COLUMN offered_at, DROP COLUMN upload_limit")
    op.execute("DROP TABLE idempotency_keys, api_keys")
