"""The docs of the HTTP API: the commands in their blocks marked ``sh`` work as they are written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from imports_pipeline_tests.api.serving import Api

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("page", "printed"),
    [
        ("reference/api.md", ('"code":"ok"', '"object":"batch"', '"created":1')),
        ("tutorials/http-api.md", ("3 rows were rejected", "/v1/files/")),
    ],
)
def test_its_commands_work(
    api: Api, caller: httpx.Client, tmp_path: Path, page: str, printed: tuple[str, ...]
) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.S | re.M)
    assert blocks
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
        cwd=tmp_path,
        env={
            "KEY": caller.headers["X-API-KEY"],
            "API": api.url,
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    for text in printed:
        assert text in done.stdout, done.stdout
    assert '"status":"error"' not in done.stdout
