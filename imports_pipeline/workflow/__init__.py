"""One import from beginning to end, whoever runs it. Nothing in or below this package imports Dagster."""
