"""Runs as Dagster records them: tags, run requests, logs, errors, and the reconciler that closes what died."""
