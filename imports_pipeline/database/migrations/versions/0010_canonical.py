"""Converts external ids and names to the form in which they are compared (``schemas/canonical.py``).

A record keeps its text if another record has or would get the same canonical text, because only a person can decide
which record is meant. It can still be found by its id.
"""

from collections.abc import Iterator

from alembic import op

revision = "0010"
down_revision = "0009"

# The characters of schemas/canonical.py; joiners stay in the names of contacts.
CANONICAL = r"""
CREATE FUNCTION pg_temp.canonical(value text, joiners boolean) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT btrim(regexp_replace(
        normalize(
            regexp_replace(
                CASE WHEN joiners THEN value ELSE translate(value, U&'\200c\200d', '') END,
                U&'[\00ad\061c\180e\200b\200e\200f\202a-\202e\2060-\2064\2066-\2069\feff]', '', 'g'
            ), NFC),
        U&'[\0009-\000d\0020\0085\00a0\1680\2000-\200a\2028\2029\202f\205f\3000]+', ' ', 'g'))
$$
"""
# Table, column, the columns within which it is unique (none: it may repeat), whether joiners stay.
COLUMNS = (
    ("contacts", "external_id", "organization_id", False),
    ("contacts", "id_number", "", False),
    ("contacts", "name", "", True),
    ("groups", "external_id", "organization_id", False),
    ("groups", "name", "organization_id, resource", False),
    ("locations", "name", "organization_id", False),
)


def statements() -> Iterator[str]:
    """Return the statements that write canonical texts, with the function of ``CANONICAL``."""
    for table, column, unique, joiners in COLUMNS:
        canonical = f"pg_temp.canonical({column}, {str(joiners).lower()})"
        alone = f"count(*) OVER (PARTITION BY {unique}, {canonical})" if unique else "1"
        yield f"""
            UPDATE {table} t SET {column} = c.canonical
            FROM (SELECT organization_id, id, {canonical} AS canonical, {alone} AS alone
                  FROM {table} WHERE {column} IS NOT NULL) c
            WHERE t.organization_id = c.organization_id AND t.id = c.id AND c.alone = 1
              AND c.canonical <> t.{column} AND c.canonical <> ''
            """


def upgrade() -> None:
    """Write the canonical texts."""
    op.execute(CANONICAL)
    for statement in statements():
        op.execute(statement)
    # Increase the data versions, so that existing plans are made again.
    op.execute("UPDATE generations SET generation = generation + 1")


def downgrade() -> None:
    """Leave the texts unchanged, because the previous texts are not stored."""
