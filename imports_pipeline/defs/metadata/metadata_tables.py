"""Tables in metadata: phases, first rejected rows, first lines of a plan, columns.

Metadata is stored in the event log, and a page loads all of it at once. Therefore a table has at most ``ROWS_SHOWN``
rows, and a cell at most ``CHARACTERS`` characters. The import's files contain everything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import dagster as dg
import pyarrow.parquet as pq

from imports_pipeline.import_phases.files import rejections
from imports_pipeline.import_phases.files.accepted_rows import Layout
from imports_pipeline.model.files import PLAN_JSON, REMOVALS, ROWS, Files
from imports_pipeline.model.imports import shown_as
from imports_pipeline.model.phases import Phase

ROWS_SHOWN: Final = 20
CHARACTERS: Final = 200
_COLUMNS_SHOWN: Final = 60
_WHO: Final = ("name", "email", "external_id")


def cut(text: object) -> str:
    """Return a value as text, shortened to ``CHARACTERS``."""
    shown = "" if text is None else str(text)
    return shown if len(shown) <= CHARACTERS else f"{shown[: CHARACTERS - 1]}…"


def table(columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> dg.TableMetadataValue:
    """Return a table with these ``columns`` (name → ``int``, ``float`` or ``string``). Texts are shortened."""
    records = [
        dg.TableRecord(
            {
                name: cut(value) if kind == "string" else value
                for (name, kind), value in zip(columns.items(), row, strict=True)
            }
        )
        for row in rows
    ]
    return dg.MetadataValue.table(
        records, dg.TableSchema([dg.TableColumn(name, kind) for name, kind in columns.items()])
    )


def phases(reports: Iterable[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """Return a table of the phases of an import: rows in and out, seconds, rows per second."""
    columns = {
        "phase": "string",
        "mode": "string",
        "total": "int",
        "success": "int",
        "error": "int",
        "seconds": "float",
        "rows_per_second": "float",
    }
    return table(
        columns,
        (
            (
                report["name"],
                report["mode"],
                report["total"],
                report["success"],
                report["error"],
                seconds(report),
                rate(report["total"], seconds(report)),
            )
            for report in reports
        ),
    )


def notices(recorded: Iterable[Mapping[str, str]]) -> dg.TableMetadataValue:
    """Return a table of the notices of an import, with a sentence for each."""
    return table({"code": "string", "message": "string"}, ((one["code"], one["message"]) for one in recorded))


def seconds(report: Mapping[str, Any]) -> float:
    """Return the duration of a phase in seconds."""
    return round(float(report["ended_at"] - report["started_at"]), 3)


def rate(rows: int, spent: float) -> float:
    """Return the rows per second, or 0 if no time was measured."""
    return round(rows / spent, 1) if spent > 0 else 0.0


def rejected_rows(files: Files, of: Iterable[Phase]) -> dg.TableMetadataValue:
    """Return a table of the first errors of these phases by line, with the column names of the file.

    The code is last, because a narrow pane may cut the last column, and the message says more.
    """
    found = []
    for phase in of:
        of_phase = rejections.first(files, phase, ROWS_SHOWN)
        layout = _layout(files) if of_phase and phase is not Phase.PREVALIDATION else None
        found += [
            (
                error["line"],
                layout.headers(error["column"]) if layout else error["column"],
                error["value"],
                error["message"],
                error["code"],
            )
            for error in of_phase
        ]
    columns = dict.fromkeys(("line", "column", "value", "message", "code"), "string")
    return table({**columns, "line": "int"}, sorted(found, key=lambda error: error[0])[:ROWS_SHOWN])


def _layout(files: Files) -> Layout:
    with files.open_read(ROWS) as file:
        return Layout.read(pq.read_schema(file))


def plan_lines(files: Files) -> dg.TableMetadataValue:
    """Return a table of the first lines of ``plan.json``: what a dry run would do, or what a revert did."""
    rows = []
    with files.open_read(PLAN_JSON) as file:
        for _ in range(ROWS_SHOWN + 1):
            text = file.readline().strip().rstrip(b",")
            if text in (b"", b"]", b"[]"):
                break
            if text == b"[":
                continue
            line = json.loads(text)
            changes = json.dumps(line["changes"], ensure_ascii=False) if line["changes"] else ""
            operation = shown_as(line["operation"])
            rows.append((operation, line["line"], *(line[name] for name in _WHO), line["id"], changes))
    return table(dict.fromkeys(("operation", "line", *_WHO, "id", "changes"), "string"), rows)


def removals(files: Files) -> dg.TableMetadataValue:
    """Return a table of the first records, by name, that an overwrite removes."""
    with files.open_read(REMOVALS) as file:
        removed = json.load(file)
    names = ("name", "email", "external_id", "id")
    return table(dict.fromkeys(names, "string"), ([one[name] for name in names] for one in removed))


def mapping(columns: Mapping[str, Any]) -> dg.TableMetadataValue:
    """Return a table of the fields and the columns of the file from which they are read."""
    rows = (
        (field, " + ".join(header) if isinstance(header, list) else header)
        for field, header in islice(columns.items(), _COLUMNS_SHOWN)
    )
    return table({"field": "string", "header": "string"}, rows)


def listed(names: Sequence[str]) -> str:
    """Return the first names in one line, and the number of the others."""
    shown = ", ".join(cut(name) for name in names[:ROWS_SHOWN])
    return f"{shown} and {len(names) - ROWS_SHOWN:,} more" if len(names) > ROWS_SHOWN else shown
