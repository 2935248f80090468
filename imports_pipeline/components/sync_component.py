"""The component ``imports_pipeline.Sync``: one scheduled import, beside the component ``imports_pipeline.Imports``."""

# Dagster reads the annotations of components as they are, so this module does not postpone their evaluation.
import dagster as dg

from imports_pipeline.components.attributes import SyncAttributes, entry_of
from imports_pipeline.components.scaffolding import SyncScaffolder
from imports_pipeline.defs.build import sync_definitions
from imports_pipeline.defs.schedules import read_entries


@dg.scaffold_with(SyncScaffolder)
class Sync(dg.Component, SyncAttributes):  # type: ignore[misc]  # a model that is made from the list of options
    """One scheduled import. The code location also needs the component `imports_pipeline.Imports`."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the schedule. Raises ``ValueError`` if the sync is not valid."""
        del context
        found = read_entries([entry_of(self)])
        if found.problems:
            raise ValueError(str(found.problems[0]))
        return sync_definitions(found)
