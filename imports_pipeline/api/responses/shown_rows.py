"""The JSON object of the columns and the first rows of a file."""

from __future__ import annotations

from typing import Any

from imports_pipeline.import_phases.files.left_out_cells import CODE
from imports_pipeline.import_phases.shown_rows.first_rows import FirstRows


def shown_rows(found: FirstRows) -> dict[str, Any]:
    """Return the object of the columns and the first rows of a file."""
    columns = [
        {
            "position": at + 1,
            "header": column.header,
            "field": column.fields[0] if column.fields else None,
            "fields": list(column.fields),
            "ignored": not column.fields,
            "how": column.how,
            "samples": samples,
        }
        for at, (column, samples) in enumerate(zip(found.columns, found.samples, strict=True))
    ]
    rows = [
        {
            "line": row.line,
            "cells": list(row.cells),
            "record": row.record,
            "rejected": any(error["code"] != CODE for error in row.errors),
            "errors": [
                {
                    "code": error["code"],
                    "field": found.fields.get(error["column"]),
                    "column": error["column"],
                    "message": error["message"],
                }
                for error in row.errors
            ],
        }
        for row in found.rows
    ]
    return {"columns": columns, "rows": rows}
