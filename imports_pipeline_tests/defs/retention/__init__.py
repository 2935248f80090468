"""The retention of Dagster's records."""
