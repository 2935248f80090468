"""Captures the output of runs in files, without helper processes where a command or the API executes the run.

``dagster.yaml`` refers to the class of this module. Dagster's own class starts four processes for each run: two that
copy the captured output to the terminal while the run lasts, and two that watch the first two. They take about 80 ms
of CPU, a tenth of a small import. A command prints its result at the end, so here its other output follows the run.
A run of the daemon has Dagster's way, because its log is of use while it lasts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.local_compute_log_manager import IO_TYPE_EXTENSION, LocalComputeLogManager
from dagster._serdes import ConfigurableClassData
from dagster._utils import ensure_file, touch_file

from imports_pipeline.defs.runs.dagster_connections import is_process_of_a_run


class ImportsComputeLogManager(LocalComputeLogManager):
    """Dagster's captured output in local files, with fewer processes."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> ImportsComputeLogManager:
        """Create the manager of an instance."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Keep the output of the block in files."""
        if is_process_of_a_run():
            with super().capture_logs(log_key) as context:
                yield context
            return
        out, error = (
            self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[kind])
            for kind in (ComputeIOType.STDOUT, ComputeIOType.STDERR)
        )
        with _captured(sys.stdout, out), _captured(sys.stderr, error):
            yield CapturedLogContext(log_key)
        # Dagster's pages take this file for the end of the output.
        touch_file(self.complete_artifact_path(log_key))


@contextmanager
def _captured(stream: TextIO, path: str) -> Iterator[None]:
    """Send what is written to the stream into a file, and to the stream itself after the block."""
    ensure_file(path)
    before = os.path.getsize(path)
    try:
        with redirect_to_file(stream, path):
            yield
    finally:
        with open(path, encoding="utf-8", errors="replace") as file:
            file.seek(before)
            if written := file.read():
                stream.write(written)
                stream.flush()
