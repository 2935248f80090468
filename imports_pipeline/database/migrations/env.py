"""Alembic's environment: runs the migrations on the database whose URL ``migrate`` passes."""

from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
with engine.connect() as connection:
    # A migration that creates an index concurrently commits by itself, so each one has its own transaction.
    context.configure(connection=connection, version_table_schema="public", transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
