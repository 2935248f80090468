"""Editions: an organization's records of a resource may have a table of their own (docs/decisions/0037-editions.md).

The tables of contacts and groups move to the schema ``records``. Each becomes a child of a table without rows of its
own, whose other children are the editions, so that a new column is added to all of them at once. ``public.contacts``
and ``public.groups`` become views of the current records of all organizations, for people who query them in SQL. The
pipeline names the tables in its ``search_path`` instead (``database/editions.py``).

``SET SCHEMA`` moves a table without copying its rows. The privileges on a table are granted on its view too, except
those of the role of the HTTP API, which row-level security does not limit in a view.
"""

from alembic import op

revision = "0021"
down_revision = "0020"

TABLES = """
CREATE SCHEMA records;

-- Which table has, or had, the records of an organization. An organization without a row has them in the shared table.
CREATE TABLE records.editions (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL,
    resource        text NOT NULL,
    relation        regclass NOT NULL,
    -- The numbers of records when the edition was made, and of those that the import created or changed. Null for the
    -- shared table, and where a revert went back to a table.
    made_rows       bigint,
    made_changes    bigint,
    -- The import that has made the edition, or the revert that went back to it.
    made_by         text COLLATE "C",
    made_at         timestamptz NOT NULL DEFAULT now(),
    retired_by      text COLLATE "C",
    retired_at      timestamptz
);
CREATE UNIQUE INDEX editions_current ON records.editions (organization_id, resource) WHERE retired_at IS NULL;
CREATE INDEX editions_retired ON records.editions (organization_id, resource, retired_at);

-- The records that an import removed when it made an edition. Their values are in the edition that it retired.
CREATE TABLE records.removed (
    import_id       text COLLATE "C" NOT NULL,
    organization_id text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,
    operation       text NOT NULL CHECK (operation IN ('deleted', 'overwritten')),
    removed_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, id, import_id)
);
CREATE INDEX removed_import ON records.removed USING brin (removed_at);

-- Each replacement of a table updates the row of its organization's slot. A transaction in REPEATABLE READ that changes
-- records through a view locks all slots of the resource. If a table was replaced since it began, it would change the
-- replaced one: PostgreSQL lets it fail with a serialization error instead.
CREATE TABLE records.replacements (
    resource    text NOT NULL,
    slot        integer NOT NULL,
    count       bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (resource, slot)
);
INSERT INTO records.replacements (resource, slot)
SELECT resource, slot FROM (VALUES ('contact'), ('group')) AS r (resource), generate_series(0, 15) AS slot;
"""

RECORDS = """
ALTER TABLE public.{table} SET SCHEMA records;
CREATE TABLE records.all_{table} (LIKE records.{table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
ALTER TABLE records.{table} INHERIT records.all_{table};

CREATE VIEW public.{table} AS
SELECT {columns} FROM records.all_{table} p
WHERE CASE WHEN p.tableoid = 'records.{table}'::regclass
           THEN NOT EXISTS (SELECT FROM records.editions e WHERE e.resource = '{resource}' AND e.retired_at IS NULL
                            AND e.organization_id = p.organization_id AND e.relation <> 'records.{table}'::regclass)
           ELSE EXISTS (SELECT FROM records.editions e WHERE e.relation = p.tableoid AND e.retired_at IS NULL) END;

-- Statements on the view fire this trigger; those of the pipeline name the tables.
CREATE FUNCTION records.check_{table}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM records.replacements WHERE resource = '{resource}' ORDER BY slot FOR SHARE;
    RETURN NULL;
END $$;
CREATE TRIGGER check_replacements BEFORE UPDATE OR DELETE ON records.all_{table} FOR EACH STATEMENT
    WHEN (current_setting('transaction_isolation') <> 'read committed') EXECUTE FUNCTION records.check_{table}();

-- An UPDATE or DELETE on the view changes the tables. An INSERT goes to the table of its organization.
CREATE FUNCTION records.insert_{table}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Wait for a large write, as an UPDATE does.
    LOCK TABLE ONLY records.all_{table} IN ROW EXCLUSIVE MODE;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM FROM records.replacements WHERE resource = '{resource}' ORDER BY slot FOR SHARE;
    END IF;
    EXECUTE format(
        'INSERT INTO %s SELECT ($1).*',
        coalesce((SELECT e.relation FROM records.editions e WHERE e.organization_id = NEW.organization_id
                  AND e.resource = '{resource}' AND e.retired_at IS NULL), 'records.{table}'::regclass)
    ) USING NEW;
    RETURN NEW;
END $$;
CREATE TRIGGER insert_record INSTEAD OF INSERT ON public.{table}
    FOR EACH ROW EXECUTE FUNCTION records.insert_{table}();
"""

# The defaults of the table, for an INSERT on the view that leaves columns out; then the privileges of other roles.
VIEW = """
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT a.attname, pg_get_expr(d.adbin, d.adrelid) AS value
               FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
               WHERE d.adrelid = 'records.{table}'::regclass
    LOOP
        EXECUTE format('ALTER VIEW public.{table} ALTER COLUMN %I SET DEFAULT %s', one.attname, one.value);
    END LOOP;
    FOR one IN SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END AS grantee,
                      string_agg(a.privilege_type, ', ') AS privileges
               FROM pg_class c, aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
               WHERE c.oid = 'records.{table}'::regclass AND a.grantee <> c.relowner
                 AND r.rolname IS DISTINCT FROM 'imports_api'
                 AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
               GROUP BY 1
    LOOP
        EXECUTE format('GRANT %s ON public.{table} TO %s', one.privileges, one.grantee);
    END LOOP;
END $$
"""

ROLE = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'imports_api') THEN
        GRANT USAGE ON SCHEMA records TO imports_api;
    END IF;
END $$
"""

# An edition's rows go back to the shared table, in place of those that it still has of the organization.
BACK = """
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT organization_id, relation FROM records.editions
               WHERE resource = '{resource}' AND retired_at IS NULL AND relation <> 'records.{table}'::regclass
    LOOP
        DELETE FROM records.{table} WHERE organization_id = one.organization_id;
        EXECUTE format('INSERT INTO records.{table} SELECT * FROM %s', one.relation);
    END LOOP;
    FOR one IN SELECT inhrelid::regclass AS relation, n.nspname AS schema
               FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE inhparent = 'records.all_{table}'::regclass AND inhrelid <> 'records.{table}'::regclass
    LOOP
        EXECUTE format('DROP TABLE %s', one.relation);
        EXECUTE format('DROP SCHEMA %I', one.schema);
    END LOOP;
END $$;
DROP VIEW public.{table};
DROP FUNCTION records.insert_{table}();
ALTER TABLE records.{table} NO INHERIT records.all_{table};
DROP TABLE records.all_{table};
DROP FUNCTION records.check_{table}();
ALTER TABLE records.{table} SET SCHEMA public;
"""

# The columns of this version, in the order of the table.
COLUMNS = {
    "contacts": "organization_id, id, name, email, phone, address, address_line2, alternate_names, alternate_emails,"
    " alternate_phones, alternate_addresses, id_number, external_id, is_primary, notes, metadata, created_at,"
    " updated_at, updated_by, created_by",
    "groups": "organization_id, id, name, resource, external_id, location_id, metadata, created_at, updated_at,"
    " updated_by, created_by",
}


def upgrade() -> None:
    """Move the tables, and create the views and the list of editions."""
    op.execute(TABLES)
    for table, columns in COLUMNS.items():
        names = {"table": table, "resource": table.removesuffix("s"), "columns": columns}
        op.execute(RECORDS.format(**names))
        op.execute(VIEW.format(**names))
    op.execute(ROLE)


def downgrade() -> None:
    """Move the tables back, with the current records of each organization. Large writes cannot be reverted then."""
    for table in COLUMNS:
        op.execute(BACK.format(table=table, resource=table.removesuffix("s")))
    op.execute("DROP TABLE records.removed, records.replacements, records.editions")
    op.execute("DROP SCHEMA records")
