"""The Dagster components: their attributes, and a project of one's own that has them from a wheel."""
