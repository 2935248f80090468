"""PostgreSQL: connections, migrations, the write lock, row security, and COPY of Arrow batches in both directions."""
