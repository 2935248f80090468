"""How old records of Dagster are removed: which, and when."""
