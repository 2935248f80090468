"""Runs one import from its request to its final status. Neither this package nor any package below imports Dagster."""
