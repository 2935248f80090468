"""Dagster components: ``imports_pipeline.Imports`` and ``imports_pipeline.Sync``, for projects that use ``dg``.

``dg`` finds them by the entry point ``dagster_dg_cli.registry_modules``. A ``defs.yaml`` of such a project sets their
attributes (``docs/how-to/dagster-component.md``).
"""
