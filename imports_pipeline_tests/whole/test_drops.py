"""Files dropped into a bucket, by the running system: each content is imported once, whatever dies meanwhile.

``SOAK_FILES`` is how many are dropped at once (6); ``make soak`` drops 200.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from imports_pipeline_tests.object_store import ObjectStore
from imports_pipeline_tests.whole.conftest import Start
from imports_pipeline_tests.whole.stack import Stack, pull_the_plug, seconds, until

FILES = int(os.environ.get("SOAK_FILES", "6"))
PATIENCE = 240 + 10 * FILES
"""Seconds until a wait for that many files gives up: each is a run of some seconds, one after the other."""
FOLDER = "uploads/drops/contact/merge"


@pytest.mark.soak
def test_dropped_files_are_imported_once_each_also_when_everything_is_killed(
    start: Start, tmp_path: Path, object_server: ObjectStore, bucket_url: str
) -> None:
    client = object_server.client()
    settings = {**object_server.environment, "STORE_URL": bucket_url}
    bucket = bucket_url.removeprefix("s3://")

    def drop(name: str, content: str) -> None:
        client.pipe_file(f"{bucket}/{FOLDER}/{name}", content.encode())

    with start(tmp_path, settings) as stack:
        rows = "".join(f"Person {n},person{n}@example.com\n" for n in range(1000))
        drop("first.csv", f"name,email\n{rows}")
        with seconds("from the drop of 1,000 rows to completed"):
            until("the first file is imported", lambda: len(stack.names("drops")) == 1000)
        for n in range(FILES):
            drop(f"{n}.csv", f"name,external_id\nFile {n},file-{n}\n")
        until("some are imported", lambda: _imported(stack) > FILES // 4, PATIENCE)
        # One is replaced while the others are under way; which of its contents comes first is no matter.
        drop(f"{FILES - 1}.csv", f"name,external_id\nReplaced,file-{FILES - 1}\n")
        until("half are imported", lambda: _imported(stack) > FILES // 2, PATIENCE)
        pull_the_plug(stack.system)
    with start(tmp_path, settings) as stack:
        with seconds(f"from the restart until all {FILES} are done"):
            until("all are put away", lambda: _done(stack), PATIENCE)
        names = stack.names("drops")
        expected = [f"File {n}" for n in range(FILES - 1)] + ["FileReplaced"]
        assert sorted(set(names) - {f"Person {n}" for n in range(1000)}) == sorted(expected)
        assert len(names) == 1000 + FILES, "none is lost, none is there twice"
        by_content = stack.query(
            "SELECT key, version, count(*) AS count FROM uploads WHERE import_id IS NOT NULL GROUP BY key, version"
        )
        assert {row["count"] for row in by_content} == {1}
        assert len({row["key"] for row in by_content}) == FILES + 1
        completed = stack.query("SELECT count(*) AS count FROM imports WHERE status = 'completed'")
        assert completed[0]["count"] in (FILES + 1, FILES + 2), (
            "the replaced content may have been read in time"
        )
        left = [
            key for key in client.find(f"{bucket}/{FOLDER}") if "/done/" not in key and "/failed/" not in key
        ]
        assert left == []


def _imported(stack: Stack) -> int:
    return len([name for name in stack.names("drops") if not name.startswith("Person")])


def _done(stack: Stack) -> bool:
    (row,) = stack.query(
        "SELECT count(*) FILTER (WHERE state IN ('seen', 'imported')) AS open, count(*) AS all FROM uploads"
    )
    time.sleep(0.5)
    return row["open"] == 0 and row["all"] > FILES
