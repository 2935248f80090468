"""Executes Dagster runs: in this process, by a fork server on this machine, or by Celery workers."""
