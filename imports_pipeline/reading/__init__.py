r"""Reads a file into rows: encoding, dialect, header, cells.

``open_table`` detects what a file is and returns a ``TableReader``, whose ``batches()`` yields ``RowBatch`` objects:

* ``detection/``: encoding, dialect, header line.
* ``csv/``: text to records; ``scan`` is the entry.
* ``xlsx/``: workbooks.
* ``archives``, ``unpacking``: gzip and zip.
* ``footers``, ``passed_over``: records that are not rows, such as totals and repeated headers.
* ``preview``: ``describe`` returns the same as plain objects, for people.
* ``json_items``: the items of a JSON batch, as a table.

Example:
    >>> import io
    >>> table = open_table(io.BytesIO(b"name,email\nAnn,ann@example.org\n"))
    >>> table.header
    ('name', 'email')
    >>> next(table.batches()).cells.to_pylist()
    [{'c0': 'Ann', 'c1': 'ann@example.org'}]
"""

from __future__ import annotations

from imports_pipeline.reading.csv.records.split_points import SplitPoint
from imports_pipeline.reading.options import Detected, NotATable, ReadOptions
from imports_pipeline.reading.preview import describe
from imports_pipeline.reading.records import MalformedRecord, MalformedRecords, RowBatch
from imports_pipeline.reading.table import TableReader, open_table

__all__ = [
    "Detected",
    "MalformedRecord",
    "MalformedRecords",
    "NotATable",
    "ReadOptions",
    "RowBatch",
    "SplitPoint",
    "TableReader",
    "describe",
    "open_table",
]
