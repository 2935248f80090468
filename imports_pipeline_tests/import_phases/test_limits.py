"""How much of a file is read, by mode and way in, and that each remedy which a reason names is one."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.import_phases.limits import Limits
from imports_pipeline.import_phases.prevalidation import prevalidate
from imports_pipeline.model import ids
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.files import UPLOAD
from imports_pipeline.model.imports import Import
from imports_pipeline.model.options import Options
from imports_pipeline.model.phases import PhaseResult
from imports_pipeline.model.statuses import Status
from imports_pipeline.settings import Settings
from imports_pipeline_tests.reading.xlsx.workbooks import workbook

LIMITS = Limits(sync_bytes=20_000, api_unpacked_bytes=40_000, rows=5_000)
SYNC_ROWS = 100


def people(count: int) -> bytes:
    return (
        "name,external_id\n" + "".join(f"Person {n},{n * 7919 % 100003}\n" for n in range(count))
    ).encode()


def packed(content: bytes) -> bytes:
    return gzip.compress(content)


def sheet(count: int) -> bytes:
    return workbook([["name", "external_id"], *([f"Person {n}", str(n)] for n in range(count))])


class Reading:
    """Prevalidation of one file; ``looks`` counts the batches of rows that were read."""

    def __init__(self, folder: Path, content: bytes, source: str = "api", **options: Any) -> None:
        now = datetime.now(UTC)
        self.import_ = Import(
            ids.new_id(ids.IMPORT), "o", "contact", Options.of(options), Status.REQUESTED, source, now, now
        )
        self.files = LocalStore(folder).folder(self.import_.folder)
        with self.files.open_write(UPLOAD) as upload:
            upload.write(content)
        self.looks = 0

    def run(self, limits: Limits = LIMITS) -> PhaseResult:
        return prevalidate(
            self.import_, self.files, sync_rows=SYNC_ROWS, checkpoint=self._look, limits=limits
        )

    def _look(self) -> None:
        self.looks += 1

    def refused(self) -> PermanentFailure:
        with pytest.raises(PermanentFailure) as caught:
            self.run()
        return caught.value


@pytest.mark.parametrize("content", [packed(people(3_000)), sheet(4_000)])
def test_sync_unpacks_no_more_than_it_takes(tmp_path: Path, content: bytes) -> None:
    refused = Reading(tmp_path, content, mode="sync").refused()
    assert (refused.code, "use mode mixed" in refused.reason) == ("sync_limit_exceeded", True)
    done = Reading(tmp_path, content, source="cli", mode="mixed").run()
    assert done.total >= 3_000


@pytest.mark.parametrize("content", [people(500), packed(people(500)), sheet(500)])
def test_sync_reads_no_further_than_the_row_after_the_limit(tmp_path: Path, content: bytes) -> None:
    reading = Reading(tmp_path, content, mode="sync")
    assert reading.refused().code == "sync_limit_exceeded"
    assert reading.looks == 1
    assert Reading(tmp_path, people(SYNC_ROWS), mode="sync").run().total == SYNC_ROWS


def test_a_body_may_unpack_to_less_than_a_file_that_is_put(tmp_path: Path) -> None:
    content = packed(people(4_000))
    refused = Reading(tmp_path, content).refused()
    assert refused.code == "too_large_unpacked"
    assert "put the file to its _upload_url" in refused.reason
    assert Reading(tmp_path, content, source="upload_url").run().total == 4_000


@pytest.mark.parametrize("source", ["api", "upload_url", "bucket", "schedule", "cli", "ui"])
def test_every_way_in_has_a_limit_of_rows(tmp_path: Path, source: str) -> None:
    short = b"name\n" + b"A\n" * 5_001
    refused = Reading(tmp_path, short, source=source).refused()
    assert (refused.code, "5,000 rows" in refused.reason) == ("too_many_rows", True)
    assert Reading(tmp_path, short[:-2], source=source).run().total == 5_000, "split into several files"


def test_a_body_takes_fewer_rows_than_a_file_that_is_put(tmp_path: Path) -> None:
    """Each rejected row costs more than its bytes: a few kilobytes of gzip can hold millions of them."""
    short, limits = packed(b"name\n" + b"A\n" * 2_000), replace(LIMITS, api_rows=1_000)
    with pytest.raises(
        PermanentFailure, match=r"more than the 1,000 rows .* put the file to its _upload_url"
    ) as caught:
        Reading(tmp_path, short).run(limits)
    assert caught.value.code == "too_many_rows"
    assert Reading(tmp_path, short, source="upload_url").run(limits).total == 2_000


def test_the_ratio_is_a_setting_and_what_is_refused_may_come_unpacked(tmp_path: Path) -> None:
    content = b"name\n" + b"Ada\n" * 17_000_000
    bomb = Reading(tmp_path, packed(content), source="bucket")
    assert bomb.refused().code == "too_large_unpacked"
    assert "send it as a CSV file that is not packed" in bomb.refused().reason
    unpacked = Reading(tmp_path, content, source="bucket")
    assert unpacked.refused().code == "too_many_rows", "it is read"


def test_limits_are_settings() -> None:
    variables = {
        "IMPORTS_ROWS": "7",
        "IMPORTS_SYNC_BYTES": "8",
        "IMPORTS_UNPACKED_BYTES": "9",
        "IMPORTS_UNPACKED_RATIO": "10",
        "IMPORTS_API_UNPACKED_BYTES": "11",
        "IMPORTS_API_ROWS": "12",
    }
    assert Limits.of(Settings.read(variables)) == Limits(8, 7, 9, 10, 11, 12)
    assert Limits.of(Settings.read({})) == Limits()


def test_what_was_detected_is_plain_json(tmp_path: Path) -> None:
    """It is recorded as JSON and shown as Dagster's metadata, which takes no tuples."""
    detected = Reading(tmp_path, people(3)).run().facts["detected"]
    assert detected["passed_over_files"] == []
    assert json.loads(json.dumps(detected)) == detected
