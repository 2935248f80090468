"""Everything Dagster knows of: assets, ops, jobs, schedules, sensors, checks, resources. ``build.py`` assembles it."""
