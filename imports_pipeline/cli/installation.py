"""What commands that only read have: the database and the file store, without the phases and without Dagster."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from imports_pipeline.database.connections import Database
from imports_pipeline.filestore.stores import Folder, Store
from imports_pipeline.model.imports import Import
from imports_pipeline.settings import Settings


@dataclass(frozen=True)
class Installation:
    """The stored imports, records and files of one installation."""

    database: Database
    settings: Settings

    @cached_property
    def store(self) -> Store:
        """The file store, which is opened when it is first used. Raises ``StoreError`` if it cannot be used."""
        from imports_pipeline.filestore.opening import open_store

        store = open_store(self.settings)
        store.check()
        return store

    def files(self, import_: Import) -> Folder:
        """Return the import's folder in the file store."""
        return self.store.folder(import_.folder)

    def get(self, import_id: str) -> Import:
        """Return the current record of the import. Raises ``NoSuchImport``."""
        from imports_pipeline.registry import import_records

        with self.database.connect() as connection:
            return import_records.get_import(connection, import_id)
