"""dlt: Arrow tables from ``pyarrow.csv``, loaded with ``merge`` and the strategy ``upsert`` on the external id.

    python -m benchmarks.peers.dlt_upsert CASE URL FILE…

Its fastest way with a CSV file that we know of: no Python object a row, Parquet or CSV to the server by COPY.
An overwrite is its ``replace`` (which writes every record anew and keeps no pre-images); a delete is a merge with
a ``hard_delete`` column.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.csv as pc


def main(case: str, url: str, paths: list[str]) -> None:
    """Load the files; each file is one run of the pipeline."""
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    os.environ.setdefault("RUNTIME__LOG_LEVEL", "ERROR")
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "contacts",
            pipelines_dir=folder,
            destination=dlt.destinations.postgres(url),
            dataset_name="dlt_contacts",
        )
        for path in paths:
            pipeline.run(_resource(case, Path(path)), loader_file_format="csv").raise_on_failed_jobs()


def _resource(case: str, path: Path) -> Any:
    how: Any = {"disposition": "merge", "strategy": "upsert"}
    columns: Any = {"external_id": {"nullable": False}}
    if case.endswith("overwrite"):
        how = {"disposition": "replace"}
    if case == "delete":
        columns = {"deleted": {"hard_delete": True}}
    return dlt.resource(
        _tables(path), name="contacts", write_disposition=how, primary_key="external_id", columns=columns
    )


def _tables(path: Path) -> Iterator[pa.Table]:
    reader = pc.open_csv(
        path,
        read_options=pc.ReadOptions(block_size=16 << 20),
        parse_options=pc.ParseOptions(newlines_in_values=True),
        convert_options=pc.ConvertOptions(
            column_types={"phone": pa.string(), "is_primary": pa.bool_(), "deleted": pa.bool_()},
            strings_can_be_null=True,
        ),
    )
    for batch in reader:
        yield pa.Table.from_batches([batch])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
