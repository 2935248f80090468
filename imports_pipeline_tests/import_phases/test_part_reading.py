"""Prevalidation part by part leaves what prevalidation in one piece leaves."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imports_pipeline.import_phases.files import rejections
from imports_pipeline.import_phases.files.accepted_rows import Rows
from imports_pipeline.import_phases.files.error_files import write_error_files
from imports_pipeline.import_phases.part_reading import PartReading
from imports_pipeline.import_phases.prevalidation import prevalidate
from imports_pipeline.model import ids
from imports_pipeline.model.files import LEFT_OUT, REJECTED_ROWS, UPLOAD, Files
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import Action, BadCells
from imports_pipeline.model.options import Options
from imports_pipeline.model.phases import Phase, PhaseResult
from imports_pipeline.model.statuses import Status
from imports_pipeline.reading.options import NotATable
from imports_pipeline_tests.import_phases.test_error_files import folder, table, written

_NOW = datetime.now(UTC)
IMPORT = Import(
    ids.new_id(ids.IMPORT), "", "contact", Options(Action.MERGE), Status.REQUESTED, "cli", _NOW, _NOW
)
HEADER = ["name", "email", "phone", "notes"]


class InLine(Executor):
    """Does everything at once, in the process that asks; counts what it did."""

    def __init__(self) -> None:
        self.calls = 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.calls += 1
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is the future's
            done.set_exception(error)
        return done


def run(files: Files, import_: Import, parts: PartReading | None, **options: Any) -> PhaseResult:
    return prevalidate(import_, files, sync_rows=0, parts=parts, **options)


def left(files: Files) -> dict[str, Any]:
    """Return everything that later phases read, without how it is laid out."""
    with Rows(files) as rows:
        fields = rows.layout.fields
        values = pa.Table.from_batches(
            list(rows.values(fields)) or [pa.record_batch([pa.array([], pa.int64())], names=["line"])]
        )
        lines = values["line"].combine_chunks().to_numpy()
        cells = [batch.to_pylist() for batch in rows.cells(lines)]
        first = list(rows.head(3))
        assert [at for line, _, _ in first for at in line.to_pylist()] == lines[:3].tolist()
        assert [text for _, _, texts in first for text in texts.to_pylist()] == [
            {field: value for field, value in row.items() if field != "line"}
            for row in values.slice(0, 3).to_pylist()
        ]
        header = rows.layout.header
        count = rows.count
    with files.open_read(REJECTED_ROWS) as file:
        rejected = pq.read_table(file)
    error_files = written(files) if write_error_files(files) else None
    return {
        "header": header,
        "count": count,
        "values": values.to_pylist(),
        "cells": [cell for group in cells for cell in group],
        "rejected": rejected.to_pylist(),
        "layout": rejected.schema.metadata,
        "errors": rejections.read(files, Phase.PREVALIDATION).to_pylist(),
        "error files": error_files,
    }


def equal(upload: bytes, import_: Import, executor: Executor, part_bytes: int) -> PhaseResult:
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        whole, parts = folder(one, upload), folder(other, upload)
        expected = run(whole, import_, None)
        found = run(parts, import_, PartReading(lambda: nullcontext(executor), part_bytes))
        assert found == expected
        assert left(parts) == left(whole)
        assert not (Path(other) / "by_part" / "0").exists() or not any(
            Path(other).glob("by_part/*/rejected*")
        )
    return found


NASTY = 'ab ,;"\n\r\\é'
cells = st.text(NASTY, max_size=6) | st.sampled_from(
    ["", "Ann", "a@example.com", "x@@y", "+49 30 123456", "=1+1"]
)
uploads = st.lists(st.lists(cells, min_size=4, max_size=4), min_size=1, max_size=25)


@settings(max_examples=25, deadline=None)
@given(uploads, st.integers(1, 200), st.sampled_from(["utf-8-sig", "utf-16", "windows-1252"]))
def test_parts_are_the_whole(rows: list, part_bytes: int, encoding: str) -> None:
    upload = table([HEADER, *rows]).decode().encode(encoding)
    options = replace(IMPORT.options, encoding=encoding, delimiter=",", quote='"')
    equal(upload, replace(IMPORT, options=options), InLine(), part_bytes)


@settings(max_examples=25, deadline=None)
@given(uploads, st.integers(1, 200), st.randoms(use_true_random=False))
def test_parts_are_the_whole_where_quotes_mislead(rows: list, part_bytes: int, rng: random.Random) -> None:
    upload = bytearray(table([HEADER, *rows]))
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(table([HEADER])), len(upload) + 1)
        upload[at:at] = rng.choice([b'"', b"\xff", b"\0", b'"\n', b"\n\n", b'",'])
    options = replace(IMPORT.options, encoding="utf-8", delimiter=",", quote='"')
    # Damage to each of very few rows makes the header the odd one.
    with suppress(NotATable):
        equal(bytes(upload), replace(IMPORT, options=options), InLine(), part_bytes)


def many(count: int) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for n in range(count):
        email = f"person{n}@example.com" if n % 50 else "no email"
        writer.writerow([f"Person {n}", email, "", "two\nlines" if n % 7 == 0 else ""])
    return text.getvalue().encode()


def test_processes_do_the_same() -> None:
    upload = many(3000)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        result = equal(upload, IMPORT, pool, len(upload) // 5)
    assert (result.total, result.error) == (3000, 60)


def test_each_part_is_read_once_and_a_small_file_in_one_piece(tmp_path: Path) -> None:
    upload, executor = many(200), InLine()
    run(folder(tmp_path, upload), IMPORT, PartReading(lambda: nullcontext(executor), len(upload) // 4 + 1))
    assert executor.calls == 4
    run(folder(tmp_path, upload), IMPORT, PartReading(lambda: nullcontext(executor), len(upload)))
    assert executor.calls == 4


def test_one_stray_quote_costs_some_parts_a_second_reading(tmp_path: Path) -> None:
    upload, executor = many(2000), InLine()
    at = upload.index(b"Person 1000")
    upload = upload[:at] + b'a "broken" " name' + upload[at:]
    equal(upload, IMPORT, executor, len(upload) // 10)
    assert 10 <= executor.calls <= 20


def test_a_second_try_with_fewer_parts_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    upload = many(300)
    files = folder(tmp_path, upload)
    run(files, IMPORT, PartReading(lambda: nullcontext(InLine()), len(upload) // 9))
    run(files, IMPORT, None)
    with Rows(files) as rows:
        assert rows.count == 294
    first = left(files)
    run(files, IMPORT, PartReading(lambda: nullcontext(InLine()), len(upload) // 3))
    assert left(files) == first


def test_an_import_that_may_not_go_on_gives_its_parts_up(tmp_path: Path) -> None:
    class Ended(Exception):
        pass

    upload = many(300)
    files = folder(tmp_path, upload)
    asked = iter(range(3))

    def checkpoint() -> None:
        if next(asked) == 2:
            raise Ended

    @contextmanager
    def threads() -> Iterator[Executor]:
        with ThreadPoolExecutor(1) as pool:
            yield pool

    with pytest.raises(Ended):
        run(files, IMPORT, PartReading(threads, len(upload) // 20), checkpoint=checkpoint)
    assert not files.exists(REJECTED_ROWS)


def test_a_fault_in_a_part_is_the_imports(tmp_path: Path) -> None:
    upload = many(300)
    files = folder(tmp_path, upload)

    class Loses(InLine):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            if self.calls == 3:
                files.delete(UPLOAD)
            return super().submit(fn, *args, **kwargs)

    with pytest.raises(FileNotFoundError):
        run(files, IMPORT, PartReading(lambda: nullcontext(Loses()), len(upload) // 9))


def test_parts_leave_out_the_same_cells() -> None:
    """The cells that are left out, the columns that are passed over, and the fields of a saved mapping."""
    header = ["Who", "Box", "E-mail 1 - Value", "E-mail 2 - Value", "Phone 1 - Value"]
    bad = {0: "no email", 3: "12", 5: "x@@y"}
    rows = [
        [
            f"Person {n}",
            f"p{n}@example.com",
            bad.get(n % 7, f"q{n}@example.com"),
            "",
            bad.get(n % 11, "+12015550123"),
        ]
        for n in range(400)
    ]
    options = replace(
        IMPORT.options,
        bad_cells=BadCells.LEAVE_OUT,
        column_mapping={"name": "Who", "email": "Box"},
        known_file="none",
    )
    upload = table([header, *rows])
    import_ = replace(IMPORT, options=options)
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        whole, parts = folder(one, upload), folder(other, upload)
        expected = run(whole, import_, None)
        executor = InLine()
        assert run(parts, import_, PartReading(lambda: nullcontext(executor), len(upload) // 9)) == expected
        assert executor.calls >= 9
        assert left_out(parts) == left_out(whole)
        assert left(parts) == left(whole)
        lines = {row["line"] for row in left_out(whole)}
    assert expected.error == 0
    assert [notice.code for notice in expected.notices] == ["cells_left_out"]
    assert lines == {n + 2 for n in range(400) if n % 7 in bad or n % 11 in bad}


def left_out(files: Files) -> list[dict[str, Any]]:
    with files.open_read(LEFT_OUT) as file:
        found: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    return found
