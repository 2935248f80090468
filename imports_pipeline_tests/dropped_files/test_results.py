"""What the sender of a dropped file finds beside it when its import has ended, and names with hidden characters."""

from __future__ import annotations

import pytest

from imports_pipeline.filestore.stores import Store
from imports_pipeline.model.imports import Import
from imports_pipeline.model.printable import printable
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.dropped_files.dropping import Dropped

BAD = "name,email\nAnn,ann@example.com\nBob,bob@@example.com\n=Cid,cid@\nDee,dee@example.com\n"


def _beside(dropped: Dropped, import_: Import, action: str = "merge") -> dict[str, str]:
    """Return what lies in the folder of an ended import, by name."""
    store = dropped.watcher.workflow.store
    done = "done" if import_.status is Status.COMPLETED else "failed"
    folder = dropped.key(f"{done}/{import_.id}", action=action)
    found = {}
    for file in store.list(folder):
        with store.open_read(file.key) as opened:
            found[file.key.removeprefix(f"{folder}/")] = opened.read().decode()
    return found


def test_of_a_file_without_errors(dropped: Dropped) -> None:
    dropped.drop("people.csv")
    (import_,) = dropped.imported()
    beside = _beside(dropped, import_)
    assert list(beside) == ["people.csv", "people.csv.result.txt"], "no errors file without errors"
    assert beside["people.csv.result.txt"] == (
        "people.csv: Imported.\n\ncreated 2, updated 0, unchanged 0, removed 0, left out 0\n"
        f"Import {import_.id}.\n"
    )


def test_of_rejected_rows_and_the_errors_file_dropped_again(dropped: Dropped, store: Store) -> None:
    dropped.drop("people.csv", BAD)
    (import_,) = dropped.imported()
    beside = _beside(dropped, import_)
    assert list(beside) == ["people.csv", "people.csv.errors.csv", "people.csv.result.txt"]
    told = beside["people.csv.result.txt"]
    assert "people.csv: Imported, but 2 rows were left out.\n" in told
    assert "created 2, updated 0, unchanged 0, removed 0, left out 2\n" in told
    assert "- lines 3, 4: email: " in told
    assert "(invalid_email)" in told
    assert f"correct the rows in people.csv.errors.csv and drop that file into {dropped.key('')}\n" in told
    errors = beside["people.csv.errors.csv"]
    with dropped.watcher.workflow.files(import_).open_read("errors.csv") as file:
        assert errors == file.read().decode()
    dropped.drop("people.csv.errors.csv", errors.replace("bob@@", "bob@").replace("cid@", "cid@example.com"))
    (again,) = dropped.imported()
    assert (again.status, again.stats["created"], again.stats["rejected"]) == (Status.COMPLETED, 2, 0)
    assert dropped.imports.names() == ["=Cid", "Ann", "Bob", "Dee"]
    assert dropped.imported() == [], "what lies in done/ is not imported"


@pytest.mark.parametrize("kind", ["local"])
def test_of_columns_that_are_not_used(dropped: Dropped) -> None:
    dropped.drop("people.csv", "name,Box\nAnn,ann@example.com\nBob,bob@example.com\n")
    (import_,) = dropped.imported()
    told = _beside(dropped, import_)["people.csv.result.txt"]
    assert (
        "Notice: Columns that look like values of a contact are not used: `Box` (email addresses: give column_mapping"
        " email=Box).\n"
    ) in told


@pytest.mark.parametrize("kind", ["local"])
def test_the_errors_of_an_overwrite_are_merged(dropped: Dropped) -> None:
    """To overwrite by the file of errors alone would remove everybody else."""
    dropped.drop("people.csv", BAD.replace("=Cid,cid@", "Cid,cid@example.com"), action="overwrite")
    (import_,) = dropped.imported()
    told = _beside(dropped, import_, "overwrite")["people.csv.result.txt"]
    assert f"drop that file into {dropped.key('')}\n" in told


@pytest.mark.parametrize("kind", ["local"])
def test_of_a_failed_file(dropped: Dropped) -> None:
    dropped.drop("none.csv", "name,email\nAnn,ann@\n")
    dropped.drop("table.csv", "no,known,column\n1,2,3\n")
    for import_ in dropped.imported():
        beside = _beside(dropped, import_)
        name = next(iter(beside))
        told = beside[f"{name}.result.txt"]
        assert told.startswith(f"{name}: Not imported (failed). {import_.reason}")
        assert (f"{name}.errors.csv" in beside) == (name == "none.csv")
        assert ("- line 2: email: " in told) == (name == "none.csv")


@pytest.mark.parametrize("kind", ["local"])
@pytest.mark.parametrize("status", [Status.TIMED_OUT, Status.EXPIRED, Status.FAILED])
def test_of_an_import_that_others_ended(dropped: Dropped, status: Status) -> None:
    """By the net below the runs, a person, or the clock: the run itself died without a word."""
    dropped.drop("people.csv")
    (import_,) = dropped.settle()
    dropped.imports.workflow.finalization.fail(import_.id, "canceled", "The import was canceled.", status)
    dropped.tick()
    import_ = dropped.imports.workflow.get(import_.id)
    told = _beside(dropped, import_)["people.csv.result.txt"]
    assert told.startswith(
        f"people.csv: Not imported ({status}). The import was canceled. Nothing of it was stored.\n"
    )


def test_are_whole_when_a_tick_dies(dropped: Dropped, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at each of its writes: the file lies in done/ only with all that belongs beside it."""
    dropped.drop("people.csv", BAD)
    (import_,) = dropped.run(*dropped.settle())
    for step in range(3):
        calls = iter(range(3))

        def dies(real, step=step, calls=calls):  # type: ignore[no-untyped-def]
            def call(*values, **named):  # type: ignore[no-untyped-def]
                if next(calls) == step:
                    raise SystemExit("the daemon died")
                return real(*values, **named)

            return call

        with monkeypatch.context() as patch:
            for method in ("open_write", "move"):
                patch.setattr(type(store), method, dies(getattr(type(store), method)))
            with pytest.raises(SystemExit):
                dropped.tick()
        assert "people.csv" not in _beside(dropped, import_)
        assert store.exists(dropped.key("people.csv"))
    dropped.tick()
    assert list(_beside(dropped, import_)) == ["people.csv", "people.csv.errors.csv", "people.csv.result.txt"]


@pytest.mark.parametrize("kind", ["local"])
def test_a_name_with_characters_that_are_not_seen(dropped: Dropped) -> None:
    name = "a\x1b[2J\nINFO forged \u202egnp.csv"
    shown = r"a\x1b[2J\nINFO forged \u202egnp.csv"
    dropped.drop(name, BAD)
    dropped.drop("b\r\n.pdf")
    notes = list(dropped.tick().notes)
    (import_,) = dropped.launches()
    assert import_.name == shown
    dropped.run(import_)
    import_ = dropped.imports.workflow.get(import_.id)
    notes += dropped.tick().notes
    assert all(note.isprintable() for note in notes)
    assert any(shown in note for note in notes)
    beside = _beside(dropped, import_)
    assert list(beside) == [name, f"{name}.errors.csv", f"{name}.result.txt"], (
        "found and moved by its own name"
    )
    lines = beside[f"{name}.result.txt"].splitlines()
    assert lines[0].startswith(f"{shown}: Imported")
    assert all(line.isprintable() for line in lines)


def test_what_is_escaped() -> None:
    assert printable("Müller 2026\u00a0– łódź.csv") == "Müller 2026\u00a0– łódź.csv"
    assert printable("\x00\x7f\u200b\u2066\ud800\u3164") == r"\x00\x7f\u200b\u2066\ud800\u3164"
