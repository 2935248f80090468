"""The secret seed of the hashes in checksums of plans: who does not know it cannot look for two plans with one."""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Create the table with its one row. The role of the HTTP API has no right to it: only runs make plans."""
    op.execute("CREATE TABLE plan_seed (seed bigint NOT NULL)")
    # The hash takes 64 bits from an identifier that holds 122 random ones.
    op.execute(
        "INSERT INTO plan_seed SELECT ('x' || left(encode(sha256(convert_to(gen_random_uuid()::text, 'UTF8')), 'hex'),"
        " 16))::bit(64)::bigint"
    )


def downgrade() -> None:
    """Remove it."""
    op.execute("DROP TABLE plan_seed")
