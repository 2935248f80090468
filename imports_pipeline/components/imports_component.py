"""The component ``imports_pipeline.Imports``: the whole pipeline in the code location of another project."""

# Dagster reads the annotations of components as they are, so this module does not postpone their evaluation.
from pathlib import Path
from typing import Annotated

import dagster as dg
from pydantic import Field

from imports_pipeline.components.attributes import Limits, SyncAttributes, Uploads, entry_of
from imports_pipeline.components.scaffolding import ImportsScaffolder
from imports_pipeline.defs.build import build_definitions
from imports_pipeline.defs.resources import Imports as ImportsResource
from imports_pipeline.defs.schedules import read_entries, read_syncs
from imports_pipeline.sources.syncs import Syncs, expected_uploads


@dg.scaffold_with(ImportsScaffolder)
class Imports(dg.Component, dg.Resolvable, dg.Model):
    """Imports contacts and groups from files into PostgreSQL: assets, jobs, sensors, schedules and checks."""

    database_variable: Annotated[
        str,
        dg.Resolver.default(
            description="The environment variable with the URL of a PostgreSQL server, version 17 or newer. If it is"
            " DATABASE_URL and not set, the package starts a PostgreSQL of its own in `home`."
        ),
    ] = "DATABASE_URL"
    home: Annotated[
        str,
        dg.Resolver.default(
            description="The folder of keys, of files without `store`, and of the package's own PostgreSQL. It is"
            " relative to the project."
        ),
    ] = ".imports"
    store: Annotated[
        str,
        dg.Resolver.default(
            description="The file store: s3://bucket/prefix, with the usual AWS variables, or a folder. Without it:"
            " `files` in `home`."
        ),
    ] = ""
    syncs: Annotated[
        list[SyncAttributes],
        dg.Resolver.default(description="Scheduled imports, with the keys of `syncs.yaml`."),
    ] = Field(default=[])
    syncs_file: Annotated[
        str,
        dg.Resolver.default(description="A file of more scheduled imports, relative to the project."),
    ] = ""
    uploads: Annotated[
        Uploads,
        dg.Resolver.default(
            description="The upload folders of the store: uploads/<organization>/<resource>/<action>/."
        ),
    ] = Uploads()
    limits: Annotated[
        Limits, dg.Resolver.default(description="Limits that replace those of the environment.")
    ] = Limits()
    alert_variable: Annotated[
        str,
        dg.Resolver.default(
            description="The environment variable with the URL of a webhook in Slack's format, which reports failed"
            " imports. If it is not set, nothing is reported."
        ),
    ] = "IMPORTS_WEBHOOK_URL"
    dagster_url: Annotated[
        str, dg.Resolver.default(description="The public URL of Dagster's pages, for links in alerts.")
    ] = ""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the definitions. Raises ``ValueError`` for a sync that is not valid."""
        root = Path(context.project_root)
        syncs = read_entries([entry_of(one) for one in self.syncs])
        expected, problems = expected_uploads([one.model_dump() for one in self.uploads.expected])
        of_file = read_syncs(root / self.syncs_file if self.syncs_file else None)
        syncs = Syncs(
            (*syncs.syncs, *of_file.syncs),
            (*syncs.problems, *of_file.problems, *problems),
            (*expected, *of_file.uploads),
        )
        if syncs.problems:
            raise ValueError(" ".join(map(str, syncs.problems)))
        resource = ImportsResource(
            home=str(root / self.home),
            store_url=self._store(root),
            settings=self._settings(),
            variables={"DATABASE_URL": self.database_variable, "IMPORTS_WEBHOOK_URL": self.alert_variable},
        )
        return build_definitions(
            {"imports": resource}, syncs=syncs, has_uploads=self.uploads.enabled, is_component=True
        )

    def _settings(self) -> dict[str, str]:
        url = {"IMPORTS_DAGSTER_URL": self.dagster_url} if self.dagster_url else {}
        return {**url, **self.uploads.environment(), **self.limits.environment()}

    def _store(self, root: Path) -> str:
        return self.store if "://" in self.store or not self.store else str(root / self.store)
