"""The whole system as it is run: PostgreSQL, S3, Dagster's pages, its daemon, and things that die."""
