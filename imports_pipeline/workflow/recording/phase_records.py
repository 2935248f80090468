"""Records the report and the findings of a checking phase."""

from __future__ import annotations

from typing import Any

import psycopg

from imports_pipeline.filestore.stores import Folder
from imports_pipeline.import_phases.files.error_files import write_error_files
from imports_pipeline.model.imports import Import
from imports_pipeline.model.phases import Phase, PhaseReport, PhaseResult
from imports_pipeline.registry import import_updates
from imports_pipeline.sources import part_files

Connection = psycopg.Connection[Any]


def record_phase(
    connection: Connection, import_: Import, files: Folder, result: PhaseResult, report: PhaseReport
) -> None:
    """Write the report and the findings of a checking phase to the import's record."""
    import_updates.record_phase(connection, import_.id, report)
    if result.phase is Phase.PREVALIDATION:
        detected = dict(result.facts["detected"])
        if import_.options.parts:
            detected["parts"] = part_files.parts_of(files)
        import_updates.update_import(connection, import_.id, detected=detected)
        if "options" in result.facts:
            import_updates.update_import(connection, import_.id, options=dict(result.facts["options"]))
    if result.phase is Phase.VALIDATION:
        has_errors = write_error_files(files, of_batch=import_.is_batch) > 0
        import_updates.update_import(
            connection, import_.id, has_errors_file=has_errors, plan=dict(result.facts["plan"])
        )
        if "plan_checksum" in result.facts:
            checksum = str(result.facts["plan_checksum"])
            import_updates.update_import(connection, import_.id, plan_checksum=checksum)
