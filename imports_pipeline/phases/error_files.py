"""The errors files of an import: every rejected row once, with its cells as written and all that is wrong.

``errors.csv`` can be corrected and uploaded again; ``errors.json`` is exact (SPEC §7). Both are written in one
pass over the rejected rows in order of line, from what each phase left.
"""

from __future__ import annotations

import csv
import heapq
import io
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow.parquet as pq

from imports_pipeline.model.files import ERRORS_CSV, ERRORS_JSON, REJECTED_ROWS, Files, rejections
from imports_pipeline.model.phases import CHECKING_PHASES, Phase
from imports_pipeline.phases.formulas import neutralise
from imports_pipeline.phases.rejections import read
from imports_pipeline.phases.rows import Layout, Rows

#: What an errors CSV adds to the original columns.
ADDED_COLUMNS: Final = ("_line", "_phase", "_code", "_column", "_message")


@dataclass(frozen=True)
class RejectedRow:
    """One rejected row; ``errors`` as SPEC §7 spells them, ``raw`` only where it could not be read."""

    line: int
    byte_offset: int
    phase: str
    errors: tuple[dict[str, str], ...]
    cells: tuple[str, ...]
    raw: str | None = None


def rejected_rows(files: Files, phases: Collection[str] = CHECKING_PHASES) -> Iterator[RejectedRow]:
    """Give every row that these phases rejected in order of line; nothing when nothing was read."""
    if Phase.PREVALIDATION not in phases or not files.exists(REJECTED_ROWS):
        return iter(())
    later = (_of_later_phase(files, phase) for phase in CHECKING_PHASES[1:] if phase in phases)
    return heapq.merge(_of_prevalidation(files), *later, key=lambda row: row.line)


def write_error_files(files: Files, phases: Collection[str] = CHECKING_PHASES) -> int:
    """Write ``errors.csv`` and ``errors.json`` if a row was rejected, remove them if none; give the count."""
    rows = rejected_rows(files, phases)
    first = next(rows, None)
    if first is None:
        files.delete(ERRORS_CSV)
        files.delete(ERRORS_JSON)
        return 0
    with files.open_read(REJECTED_ROWS) as file:
        header = Layout.read(pq.read_schema(file)).header
    original = [i for i, name in enumerate(header) if name not in ADDED_COLUMNS]
    count = 0
    with files.open_write(ERRORS_CSV) as csv_file, files.open_write(ERRORS_JSON) as json_file:
        text = io.TextIOWrapper(csv_file, encoding="utf-8", newline="", write_through=False)
        # RFC 4180's line end; with "\n" the writer would not quote a cell that holds a carriage return.
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow([*(neutralise(header[i]) for i in original), *ADDED_COLUMNS])
        json_file.write(b"[")
        for row in _chain(first, rows):
            writer.writerow([*_cells(row, original, len(header)), *_added(row)])
            json_file.write((b"," if count else b"") + b"\n" + _as_json(row, header, original))
            count += 1
        json_file.write(b"\n]\n")
        text.flush()
        text.detach()
    return count


def _chain(first: RejectedRow, rest: Iterable[RejectedRow]) -> Iterator[RejectedRow]:
    yield first
    yield from rest


def _cells(row: RejectedRow, original: list[int], width: int) -> list[str]:
    cells = [row.cells[i] if i < len(row.cells) else "" for i in original]
    if cells and len(row.cells) > width:
        # The last column shows the cells beyond the header's, so that none is lost when the row is corrected.
        cells[-1] = ",".join((cells[-1], *row.cells[width:]))
    return [neutralise(cell) for cell in cells]


def _added(row: RejectedRow) -> list[str]:
    def joined(key: str) -> str:
        return neutralise("; ".join(error[key] for error in row.errors))

    return [str(row.line), row.phase, joined("code"), joined("column"), joined("message")]


def _as_json(row: RejectedRow, header: tuple[str, ...], original: list[int]) -> bytes:
    cells: dict[str, Any] = {
        header[i] or f"column {i + 1}": row.cells[i] for i in original if i < len(row.cells)
    }
    document = {
        "line": row.line,
        "byte_offset": row.byte_offset,
        "phase": row.phase,
        "errors": row.errors,
        "row": cells,
    }
    if row.raw is not None:
        document["raw"] = row.raw
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _of_prevalidation(files: Files) -> Iterator[RejectedRow]:
    errors = _by_line(files, Phase.PREVALIDATION)
    with files.open_read(REJECTED_ROWS) as file:
        for batch in pq.ParquetFile(file).iter_batches(batch_size=10_000):
            for row in batch.to_pylist():
                yield RejectedRow(
                    row["line"],
                    row["byte_offset"],
                    Phase.PREVALIDATION.value,
                    next(errors)[1],
                    tuple(row["cells"]),
                    row["raw"] if row["malformed"] else None,
                )


def _of_later_phase(files: Files, phase: Phase) -> Iterator[RejectedRow]:
    lines = read(files, phase)["line"].combine_chunks().unique()
    if not len(lines):
        return
    errors = _by_line(files, phase)
    rows = Rows(files)
    for batch in rows.cells(lines):
        for row in batch.to_pylist():
            cells = tuple(row[f"c{i}"] for i in range(len(rows.layout.header)))
            found = next(errors)[1]
            for error in found:
                error["column"] = rows.layout.headers(error["column"])
            yield RejectedRow(row["line"], row["byte_offset"], phase.value, found, cells)


def _by_line(files: Files, phase: Phase) -> Iterator[tuple[int, tuple[dict[str, str], ...]]]:
    """Give (line, its errors) in order of line; a phase's file is in that order."""
    line = -1
    errors: list[dict[str, str]] = []
    with files.open_read(rejections(phase)) as file:
        for batch in pq.ParquetFile(file).iter_batches(batch_size=10_000):
            for error in batch.to_pylist():
                if error["line"] != line and errors:
                    yield line, tuple(errors)
                    errors = []
                line = error.pop("line")
                errors.append({key: value or "" for key, value in error.items()})
    if errors:
        yield line, tuple(errors)
