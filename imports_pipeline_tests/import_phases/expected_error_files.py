"""The errors files that an import must have, made row by row with the standard library."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pyarrow.parquet as pq

from imports_pipeline.import_phases.files.accepted_rows import Layout
from imports_pipeline.import_phases.files.formulas import neutralise
from imports_pipeline.model.files import REJECTED_ROWS, ROWS, Files, rejections
from imports_pipeline.model.phases import CHECKING_PHASES, Phase

ADDED = ["_line", "_phase", "_code", "_column", "_message"]


def expected_error_files(files: Files) -> tuple[bytes, bytes]:
    """Return what ``errors.csv`` and ``errors.json`` must hold."""
    with files.open_read(REJECTED_ROWS) as file:
        header = Layout.read(pq.read_schema(file)).header
    original = [at for at, name in enumerate(header) if name not in ADDED]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*(neutralise(header[at]) for at in original), *ADDED])
    documents = []
    for row in sorted(_rejected(files), key=lambda row: row["line"]):
        cells, errors = row["cells"], row["errors"]
        shown = [cells[at] if at < len(cells) else "" for at in original]
        joined = ["; ".join(error[key] for error in errors) for key in ("code", "column", "message")]
        surplus = cells[len(header) :]
        ours = [str(row["line"]), row["phase"], *map(neutralise, joined)]
        writer.writerow([*map(neutralise, shown), *ours, *map(neutralise, surplus)])
        document = {key: row[key] for key in ("line", "byte_offset", "phase", "errors")}
        document["row"] = {header[at] or f"column {at + 1}": cells[at] for at in original if at < len(cells)}
        if row["raw"] is not None:
            document["raw"] = row["raw"]
        documents.append(json.dumps(document, ensure_ascii=False))
    return text.getvalue().encode(), ("[\n" + ",\n".join(documents) + "\n]\n").encode()


def _rejected(files: Files) -> list[dict[str, Any]]:
    with files.open_read(REJECTED_ROWS) as file:
        rows = pq.read_table(file).to_pylist()
    for row in rows:
        row["phase"] = "prevalidation"
        row["raw"] = row["raw"] if row["malformed"] else None
        row["errors"] = _errors(files, Phase.PREVALIDATION, row["line"], None)
    if not files.exists(ROWS):
        return rows
    with files.open_read(ROWS) as file:
        accepted = pq.read_table(file)
    layout = Layout.read(accepted.schema)
    for phase in CHECKING_PHASES[1:]:
        for row in accepted.to_pylist():
            errors = _errors(files, phase, row["line"], layout)
            if errors:
                cells = [row[f"c{at}"] for at in range(len(layout.header))]
                place = {key: row[key] for key in ("line", "byte_offset")}
                rows.append({**place, "phase": phase.value, "cells": cells, "raw": None, "errors": errors})
    return rows


def _errors(files: Files, phase: Phase, line: int, layout: Layout | None) -> list[dict[str, str]]:
    if not files.exists(rejections(phase)):
        return []
    with files.open_read(rejections(phase)) as file:
        errors = [error for error in pq.read_table(file).to_pylist() if error["line"] == line]
    found = [{key: value or "" for key, value in error.items() if key != "line"} for error in errors]
    for error in found:
        error["column"] = error["column"] if layout is None else layout.headers(error["column"])
    return found
