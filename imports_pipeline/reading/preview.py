"""The content of a file as plain objects for JSON, one a record, in file order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from os import PathLike, fspath
from typing import Any, BinaryIO

from imports_pipeline.reading.options import NotATable, ReadOptions
from imports_pipeline.reading.records import MalformedRecord, RowBatch
from imports_pipeline.reading.table import open_table


def describe(
    path: str | PathLike[str], source: BinaryIO, options: ReadOptions | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the records of ``source``.

    The first object is the ``header``. A ``row`` or a ``reject`` follows for every record, and a ``passed_over`` for a
    record that is neither. A file that is not a table or cannot be read yields one ``reject`` with the place (line 0 if
    there is none). It never raises for a bad file.

    Args:
        path: The name of the file, for messages.
        source: The file, seekable.
        options: How to read it.
    """
    file = fspath(path)
    try:
        table = open_table(source, options or ReadOptions(), name=file)
        yield {
            "file": file,
            "kind": "header",
            "line": table.header_line,
            "cells": list(table.header),
            "encoding": table.detected.encoding,
            "delimiter": table.detected.delimiter,
            "quote": table.detected.quote,
        }
        for batch in table.batches():
            yield from _records(file, batch)
    except NotATable as refusal:
        yield _refused(file, refusal.code, refusal.reason, refusal.line, refusal.byte_offset)
    except OSError as error:
        yield _refused(file, "source_not_readable", f"The file cannot be read: {error}", 0, 0)


def _records(file: str, batch: RowBatch) -> Iterator[dict[str, Any]]:
    malformed = list(batch.malformed)[::-1]
    passed = list(batch.passed_over)[::-1]
    columns = [column.to_pylist() for column in batch.cells.columns]
    places = zip(batch.line.to_pylist(), batch.byte_offset.to_pylist(), strict=True)
    for (line, offset), cells in zip(places, zip(*columns, strict=True), strict=True):
        while malformed and malformed[-1].byte_offset < offset:
            yield _reject(file, malformed.pop())
        while passed and passed[-1].line < line:
            yield {"file": file, "kind": "passed_over", **asdict(passed.pop())}
        yield {"file": file, "kind": "row", "line": line, "cells": list(cells)}
    while malformed:
        yield _reject(file, malformed.pop())
    while passed:
        yield {"file": file, "kind": "passed_over", **asdict(passed.pop())}


def _reject(file: str, record: MalformedRecord) -> dict[str, Any]:
    return {
        "file": file,
        "kind": "reject",
        "line": record.line,
        "byte_offset": record.byte_offset,
        "code": record.code,
        "message": record.message,
        "raw": record.raw,
    }


def _refused(file: str, code: str, message: str, line: int, byte_offset: int) -> dict[str, Any]:
    return {
        "file": file,
        "kind": "reject",
        "line": line,
        "byte_offset": byte_offset,
        "code": code,
        "message": message,
        "raw": "",
    }
