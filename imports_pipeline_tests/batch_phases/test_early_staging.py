"""Items that are staged while transforming writes their file: parsing takes them only if they are the file's."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from imports_pipeline.batch_phases import early_staging
from imports_pipeline.import_phases import transforming
from imports_pipeline.model.imports import Import
from imports_pipeline.model.phases import Phase
from imports_pipeline_tests.journeys import Imports

ROWS = "name,email\nAda,ada@example.com\nBob,bob@example.com\nCid,nonsense\nEve,eve@example.com\n"


@pytest.fixture(autouse=True)
def early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_staging, "LEAST_ROWS", 1)


def transformed(imports: Imports, **options: Any) -> tuple[Import, str]:
    """Run phases 1 to 3; return the import and the name of its table of items."""
    import_ = imports.register(ROWS, **options)
    for phase in (Phase.PREVALIDATION, Phase.PREPARSING, Phase.TRANSFORMING):
        imports.workflow.check(import_.id, phase)
    import_ = imports.workflow.get(import_.id)
    assert import_.batch_id is not None
    return import_, f"staging.items_{import_.batch_id.removeprefix('btch_')}"


def execute(imports: Imports, statement: str) -> None:
    with imports.workflow.database.connect() as connection:
        connection.execute(statement)  # type: ignore[arg-type]


def staging_tables(imports: Imports) -> set[str]:
    found = imports.query("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'staging'")
    return {row["name"] for row in found}


def test_parsing_takes_the_items_that_are_staged(imports: Imports) -> None:
    import_, table = transformed(imports)
    assert len(imports.query(f"SELECT FROM {table}")) == 3
    execute(imports, f"UPDATE {table} SET f0 = 'taken' WHERE f0 = 'Eve'")
    done = imports.finish(import_)
    assert (done.stats["created"], done.stats["rejected"]) == (3, 1)
    assert imports.names() == ["Ada", "Bob", "taken"]


@pytest.mark.parametrize(
    "lose",
    [
        # A crash of PostgreSQL empties the table and leaves its mark.
        "TRUNCATE {0}",
        # The items of another file.
        "COMMENT ON TABLE {0} IS 'another'",
        "COMMENT ON TABLE {0} IS NULL",
        "DROP TABLE {0}",
    ],
)
def test_parsing_copies_the_file_if_the_staged_items_are_not_those_of_the_file(
    imports: Imports, lose: str
) -> None:
    import_, table = transformed(imports, action="overwrite")
    execute(imports, lose.format(table))
    assert imports.finish(import_).stats["created"] == 3
    assert imports.names() == ["Ada", "Bob", "Eve"]


def test_items_are_taken_once(imports: Imports) -> None:
    """Parsing that runs again must not take a table from which rows were removed."""
    import_, table = transformed(imports)
    imports.workflow.check(import_.id, Phase.PARSING)
    execute(imports, f"DELETE FROM {table}")
    assert imports.finish(import_).stats["created"] == 3


@pytest.mark.parametrize("fails", ["connect", "copy"])
def test_what_cannot_be_staged_early_is_staged_by_parsing(
    imports: Imports, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    def lost(*_: Any) -> Any:
        raise psycopg.OperationalError("the connection is lost")

    name, where = {"connect": ("_copy", early_staging.EarlyStaging), "copy": ("copy_in", early_staging)}[
        fails
    ]
    monkeypatch.setattr(where, name, lost)
    import_, _ = transformed(imports)
    assert imports.finish(import_).stats["created"] == 3


def test_transforming_that_fails_leaves_no_staged_items(
    imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = staging_tables(imports)

    def failing(*_: Any) -> Any:
        raise OSError("the file store is full")

    monkeypatch.setattr(transforming.ItemReferences, "of_items", failing)
    with pytest.raises(OSError, match="full"):
        transformed(imports)
    assert staging_tables(imports) == before
