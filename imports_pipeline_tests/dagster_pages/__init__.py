"""Dagster's pages as a person sees them, in a browser, over the whole system as ``imports-pipeline dev`` runs it."""
