"""All Dagster definitions: assets, ops, jobs, schedules, sensors, checks and resources. ``build.py`` assembles them."""
