"""Everything Dagster: assets and ops, jobs, sensors, metadata, resources; and the journey they take."""
