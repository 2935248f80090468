"""Bytes to rows: encoding, dialect, header, column mapping, the reader.

``open_table`` finds out what a file is (``detection``, ``encodings``, ``archives``, ``spreadsheets``) and
gives a ``TableReader``, which delivers ``RowBatch``es (``scan``). A block's records are found in numpy
(``structure``), cut into columns by pyarrow (``fast``), and read one by one where something is unusual
(``careful``, which defines what is right). A large file may be read in ``stretches``, which begin where
``cutting`` guesses. ``describe`` tells the same as plain objects, for a person.
"""

from __future__ import annotations

from imports_pipeline.reading.csv.split_points import SplitPoint
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
