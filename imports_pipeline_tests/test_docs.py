"""The docs: commands of the tutorials work, links lead somewhere, and paths of the architecture page exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from imports_pipeline.embedded import running_server
from imports_pipeline_tests import forked_commands

DOCS = Path(__file__).parents[1] / "docs"
#: Page → what its commands must have printed.
PAGES = {
    "tutorials/first-import.md": ("1 rejected", "alan@example.com"),
    "tutorials/nightly-overwrite.md": ("max_deletions 20", "Europe/Berlin"),
}


@pytest.mark.parametrize("page", PAGES)
def test_its_commands_work(page: str, tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", (DOCS / page).read_text(), re.S | re.M)
    assert blocks
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "STORE_URL")},
        "IMPORTS_HOME": str(tmp_path / "home"),
        "PATH": os.pathsep.join(
            [
                str(forked_commands.install(tmp_path / "bin")),
                str(Path(sys.executable).parent),
                os.environ["PATH"],
            ]
        ),
        "COLUMNS": "200",
    }
    # In the first tutorial each command starts the embedded server and stops it; in the others it stays up.
    held = (
        nullcontext()
        if page == "tutorials/first-import.md"
        else running_server(tmp_path / "home" / "postgres")
    )
    with held:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    for text in PAGES[page]:
        assert text in printed


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    root = DOCS.parent
    pages = [*DOCS.rglob("*.md"), *root.glob("*.md"), *root.glob("*/README.md")]
    broken = [
        f"{page.relative_to(root)} → {target}#{anchor}"
        for page in pages
        for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)]*))?\)", page.read_text())
        if not _exists(page.parent / target if target else page, anchor)
    ]
    assert not broken


def _exists(path: Path, anchor: str) -> bool:
    """Return True if the path exists and, if it is a page, has a heading with this anchor."""
    if not anchor or path.suffix != ".md":
        return path.exists()
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
    # GitHub makes anchors like this: lower case, no punctuation, and a dash for each blank.
    return anchor in [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_every_path_of_the_architecture_exists() -> None:
    page = (DOCS / "architecture.md").read_text()
    root = DOCS.parent
    named = re.findall(r"`((?:\w+/)+(?:\w+\.py)?|\w+\.py)`", page)
    assert len(named) > 40
    folders = (
        root,
        root / "imports_pipeline",
        root / "imports_pipeline_tests",
        *(root / "imports_pipeline").iterdir(),
    )
    missing = [path for path in named if not any((folder / path).exists() for folder in folders)]
    assert not missing
