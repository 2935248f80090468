"""Metadata of runs and assets: the one place where the results of an import become what Dagster shows."""
