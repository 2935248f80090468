"""The component ``imports_pipeline.Imports``: the whole pipeline in the code location of another project."""

# Dagster reads the annotations of components as they are, so this module does not postpone their evaluation.
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import dagster as dg
from pydantic import Field

from imports_pipeline.components.attributes import Limits, SyncAttributes, Uploads, entry_of
from imports_pipeline.components.scaffolding import ImportsScaffolder
from imports_pipeline.defs.build import build_definitions
from imports_pipeline.defs.resources import Imports as ImportsResource
from imports_pipeline.defs.schedules import read_entries, read_syncs
from imports_pipeline.settings import Settings
from imports_pipeline.sources.syncs import Problem, Syncs, expected_uploads


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
        """Return the definitions. Raises ``ValueError`` for an attribute or a sync that is not valid."""
        root = Path(context.project_root)
        settings = self._settings(root)
        _check_settings(settings)
        syncs = self._syncs(root)
        if syncs.problems:
            raise ValueError(" ".join(map(str, syncs.problems)))
        resource = ImportsResource(
            home=str(root / self.home),
            settings=settings,
            variables={"DATABASE_URL": self.database_variable, "IMPORTS_WEBHOOK_URL": self.alert_variable},
        )
        return build_definitions(
            {"imports": resource}, syncs=syncs, has_uploads=self.uploads.enabled, is_component=True
        )

    def _syncs(self, root: Path) -> Syncs:
        """Return the syncs and expected folders of the attributes and of the file, with the problems of both."""
        own = read_entries([entry_of(one) for one in self.syncs])
        folders, problems = expected_uploads([one.model_dump() for one in self.uploads.expected])
        of_file = read_syncs(root / self.syncs_file if self.syncs_file else None)
        names = {sync.name.lower() for sync in own.syncs}
        problems += [
            Problem(
                f"sync {sync.name}", f"`syncs` and {self.syncs_file} have this name; use it in one of them."
            )
            for sync in of_file.syncs
            if sync.name.lower() in names
        ]
        expected = {(folder.organization, folder.resource) for folder in folders}
        problems += [
            Problem(
                f"uploads {one.organization}/{one.resource}",
                f"`uploads.expected` and {self.syncs_file} have this folder; name it in one of them.",
            )
            for one in of_file.uploads
            if (one.organization, one.resource) in expected
        ]
        found = Syncs(
            (*own.syncs, *of_file.syncs),
            (*own.problems, *of_file.problems, *problems),
            (*folders, *of_file.uploads),
        )
        if not found.uploads or self.uploads.enabled:
            return found
        where = "`uploads.expected`" if folders else f"`uploads` of {self.syncs_file}"
        why = f"no dropped file is imported, so nothing arrives in the folders of {where}; remove them, or enable it."
        return Syncs(found.syncs, (*found.problems, Problem("uploads.enabled is false", why)), found.uploads)

    def _settings(self, root: Path) -> dict[str, str]:
        """Return the settings that replace those of the environment, by the names of their variables."""
        url = {"IMPORTS_DAGSTER_URL": self.dagster_url} if self.dagster_url else {}
        store = self.store if "://" in self.store else str(root / self.store)
        stored = {"STORE_URL": store} if self.store else {}
        return {**url, **stored, **self.uploads.environment(), **self.limits.environment()}


def _check_settings(settings: Mapping[str, str]) -> None:
    """Raise ``ValueError`` for a value that is not valid, with the name of its attribute, and for the environment's."""
    for variable, value in settings.items():
        try:
            Settings.read({variable: value})
        except ValueError as error:
            raise ValueError(f"{_attribute(variable)}: {error}.") from None
    Settings.read({**os.environ, **settings})


def _attribute(variable: str) -> str:
    """Return the attribute that has the value of a variable.

    Example:
        >>> _attribute("IMPORTS_ROWS"), _attribute("IMPORTS_UPLOADS_A_TICK"), _attribute("STORE_URL")
        ('limits.rows', 'uploads.a_tick', 'store')
    """
    if variable == "STORE_URL":
        return "store"
    name = variable.removeprefix("IMPORTS_").lower()
    if name.startswith("uploads_"):
        return f"uploads.{name.removeprefix('uploads_')}"
    return f"limits.{name}" if name in Limits.model_fields else name
