"""Drops files as others do, lets time pass, and plays Dagster: launches what a tick asks for, each once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.model.imports import Import
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_updates
from imports_pipeline.workflow.dropped_files.watcher import Tick, Watcher
from imports_pipeline_tests.journeys import Imports

CONTENT = "name,email\nAnn,ann@example.com\nBob,bob@example.com\n"
OTHER = "name,email\nCid,cid@example.com\nDee,dee@example.com\n"


@dataclass
class Dropped:
    """The folders of uploads of one organization."""

    imports: Imports
    watcher: Watcher
    cursor: str = ""
    #: the run keys that Dagster has seen
    launched: set[str] = field(default_factory=set)

    def key(self, name: str, resource: str = "contact", action: str = "merge") -> str:
        return f"uploads/{self.imports.organization}/{resource}/{action}/{name}"

    def drop(self, name: str, content: str = CONTENT, **place: str) -> str:
        key = self.key(name, **place)
        with self.watcher.workflow.store.open_write(key) as file:
            file.write(content.encode())
        return key

    def tick(self) -> Tick:
        tick = self.watcher.tick(self.cursor)
        # As Dagster does: an empty cursor leaves the one before.
        self.cursor = tick.cursor or self.cursor
        return tick

    def launches(self) -> list[Import]:
        """Tick once; give what Dagster would launch: no run key twice."""
        new = [import_ for import_ in self.tick().launches if import_.id not in self.launched]
        self.launched |= {import_.id for import_ in new}
        return new

    def settle(self) -> list[Import]:
        """Tick until a new file is launched: a local one is looked at twice."""
        looks = 2 if isinstance(self.watcher.workflow.store, LocalStore) else 1
        return [import_ for _ in range(looks) for import_ in self.launches()]

    def run(self, *imports: Import) -> list[Import]:
        return [self.imports.finish(import_) for import_ in imports]

    def complete(self, *imports: Import) -> list[Import]:
        """Return of imports that they are completed, where what they do does not matter."""
        with self.imports.workflow.database.connect() as connection:
            for import_ in imports:
                assert import_updates.transition(connection, import_.id, Status.COMPLETED, stats={})
        return [self.imports.workflow.get(import_.id) for import_ in imports]

    def imported(self, *, really: bool = True) -> list[Import]:
        """Tick and run until nothing moves; give the imports in the order they were launched."""
        done: list[Import] = []
        quiet = 0
        while quiet < 3:
            tick_launches = self.launches()
            done += self.run(*tick_launches) if really else self.complete(*tick_launches)
            quiet = 0 if tick_launches else quiet + 1
        return done

    def rows(self) -> list[dict[str, Any]]:
        return self.imports.query("SELECT * FROM uploads ORDER BY id")

    def states(self) -> list[tuple[str, str]]:
        """Return (file name, state) in the order they were seen."""
        return [(row["key"].rpartition("/")[2], row["state"]) for row in self.rows()]

    def lying(self) -> list[str]:
        """Return what lies below the organization's folder, without its name."""
        folder = f"uploads/{self.imports.organization}/"
        return [
            file.key.removeprefix(folder)
            for file in self.watcher.workflow.store.list(folder.removesuffix("/"))
        ]

    def registered(self) -> list[Import]:
        """Return every import of the organization, the oldest first."""
        found = self.imports.query(
            "SELECT id FROM imports WHERE organization_id = %s ORDER BY created_at, id",
            self.imports.organization,
        )
        return [self.imports.workflow.get(row["id"]) for row in found]
