"""Housekeeping: what is past its time goes, all else stays."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from imports_pipeline.model.imports import Import
from imports_pipeline.model.statuses import Status
from imports_pipeline.workflow.housekeeping import OUT_OF_TIME, Removed, due_dropped, housekeep
from imports_pipeline_tests.journeys import Imports

CONTENT = "name,email\nAnn,ann@example.com\nBob,nonsense\n"


def done(imports: Imports) -> Removed:
    with imports.workflow.database.connect() as connection:
        return housekeep(connection, imports.workflow.store, imports.workflow.settings)


def aged(imports: Imports, import_: Import, days: int) -> None:
    imports.query(
        "UPDATE imports SET updated_at = updated_at - %s WHERE id = %s RETURNING id",
        timedelta(days=days),
        import_.id,
    )


def test_files_go_when_they_are_old_and_records_stay(imports: Imports) -> None:
    old, young, open_ = imports.run(CONTENT), imports.run(CONTENT), imports.check(imports.register(CONTENT))
    aged(imports, old, imports.workflow.settings.files_days + 1)
    aged(imports, young, imports.workflow.settings.files_days - 1)
    aged(imports, open_, 1000)
    assert done(imports).imports_with_files == 1
    assert list(imports.workflow.store.list(f"imports/{old.id}")) == []
    gone = imports.workflow.get(old.id)
    assert (gone.status, gone.stats) == (old.status, old.stats)
    assert not (gone.has_upload_file)
    assert not (gone.has_errors_file)
    for import_ in (young, open_):
        assert imports.has_upload(import_)
        assert imports.errors(import_)
    assert done(imports).imports_with_files == 0, "once"
    assert imports.write(open_).status is Status.COMPLETED


def test_staging_tables_that_nobody_needs_go(imports: Imports) -> None:
    done(imports)
    open_ = imports.check(imports.register(CONTENT))
    left = "items_" + "0" * 26
    with imports.workflow.database.connect() as connection:
        connection.execute(f"CREATE TABLE staging.{left} (line bigint)")
    assert done(imports).staging_tables == 1
    assert imports.query("SELECT FROM pg_tables WHERE tablename = %s", left) == []
    assert imports.finish(open_).status is Status.COMPLETED


def test_tables_in_use_are_left_alone(imports: Imports) -> None:
    done(imports)
    left = "items_" + "1" * 26
    with imports.workflow.database.connect() as connection, connection.transaction():
        connection.execute(f"CREATE TABLE staging.{left} (line bigint)")
        assert done(imports).staging_tables == 0
    assert done(imports).staging_tables == 1


def test_pre_images_go_when_they_are_old(imports: Imports) -> None:
    imports.completed("name,external_id\nAnn,1\n")
    imports.completed("name,external_id\nAnne,1\n")
    workflow = imports.workflow
    with workflow.database.connect() as connection:
        settings = replace(workflow.settings, history_days=0)
        assert housekeep(connection, workflow.store, settings).history_rows >= 1
    rows = imports.query("SELECT FROM contacts_history WHERE organization_id = %s", imports.organization)
    assert rows == []


def test_dropped_files_go_when_they_are_old(imports: Imports) -> None:
    store = imports.workflow.store
    old, failed, young, leaving = (imports.run(text) for text in (CONTENT, "nothing\n", CONTENT, CONTENT))
    assert failed.status is Status.FAILED
    # The last one, because each import first writes what is queued before it.
    open_ = imports.check(imports.register(CONTENT))
    kept = [young, leaving, open_]
    for import_ in (*kept, old, failed):
        imports.query("UPDATE imports SET source = 'bucket' WHERE id = %s RETURNING id", import_.id)
        folder = "failed" if import_ is failed else "done"
        for name in ("people.csv", "people.csv.result.txt"):
            with store.open_write(_dropped(imports, folder, import_.id, name)) as file:
                file.write(b"1")
    imports.query("UPDATE imports SET source = 'api' WHERE id = %s RETURNING id", leaving.id)
    for import_ in (old, failed, open_, leaving):
        aged(imports, import_, imports.workflow.settings.dropped_days + 1)
    with imports.workflow.database.connect() as connection:
        assert due_dropped(connection, imports.workflow.settings) == 2
        forever = replace(imports.workflow.settings, dropped_days=0)
        assert housekeep(connection, store, forever).imports_with_dropped_files == 0
    assert done(imports).imports_with_dropped_files == 2
    left = {file.key for file in store.list(f"uploads/{imports.organization}")}
    assert left == {
        _dropped(imports, "done", import_.id, name)
        for import_ in kept
        for name in ("people.csv", "people.csv.result.txt")
    }
    assert done(imports).imports_with_dropped_files == 0, "once"


def _dropped(imports: Imports, folder: str, import_id: str, name: str) -> str:
    return f"uploads/{imports.organization}/contact/merge/{folder}/{import_id}/{name}"


def test_out_of_time_or_killed_it_goes_on_in_the_next_call(
    imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(imports)
    store, settings = imports.workflow.store, replace(imports.workflow.settings, retention_seconds=1)
    old = [imports.run(CONTENT) for _ in range(3)]
    for import_ in old:
        imports.query("UPDATE imports SET source = 'bucket' WHERE id = %s RETURNING id", import_.id)
        with store.open_write(_dropped(imports, "done", import_.id, "people.csv")) as file:
            file.write(b"1")
        aged(imports, import_, imports.workflow.settings.dropped_days + 1)

    def night(clock: Callable[[], float] = time.monotonic) -> Removed:
        with imports.workflow.database.connect() as connection:
            return housekeep(connection, store, settings, clock)

    # Each look at the clock takes a second, so each kind is out of time after its first step.
    seconds = count()
    first = night(lambda: next(seconds))
    assert (first.imports_with_files, first.imports_with_dropped_files) == (1, 1)
    assert first.notes == [OUT_OF_TIME]

    delete_folder, deleted = store.delete_folder, list[str]()

    def killed_once(key: str) -> None:
        delete_folder(key)
        deleted.append(key)
        if len(deleted) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(store, "delete_folder", killed_once)
    with pytest.raises(KeyboardInterrupt):
        night()
    rest = done(imports)
    assert (rest.imports_with_files, rest.imports_with_dropped_files) == (2, 2)
    assert rest.notes == []
    assert list(store.list(f"uploads/{imports.organization}")) == []
    assert len(deleted) == 1 + 2 + 2, "the folder of the killed call is removed once more"
    assert done(imports).counts() == Removed().counts()
