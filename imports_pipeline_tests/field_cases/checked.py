"""Checks a file as the command ``check`` does, in this process and without a database."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.import_phases.files.accepted_rows import Rows
from imports_pipeline.import_phases.files.rejected_rows import rejected_rows
from imports_pipeline.import_phases.limits import Limits
from imports_pipeline.import_phases.preparsing import preparse
from imports_pipeline.import_phases.prevalidation import prevalidate
from imports_pipeline.model import ids
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.imports import Import
from imports_pipeline.model.options import Options
from imports_pipeline.model.statuses import Status
from imports_pipeline.settings import Settings
from imports_pipeline.sources import fetching


@dataclass
class Checked:
    """What the first two phases found in a file.

    Attributes:
        code: The code of a file that is refused.
        reason: Why it is refused.
        detected: What was found about the file.
        notices: The codes of its notices.
        errors: Line → the errors of a rejected row, each as its code and message in one text.
        values: The values of the accepted rows, one dict of field → text for each, without blank ones.
    """

    code: str | None = None
    reason: str = ""
    detected: dict[str, Any] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)
    values: list[dict[str, str]] = field(default_factory=list)

    @property
    def passed_over(self) -> list[int]:
        """The lines of the records that were passed over."""
        spans = self.detected.get("passed_over") or []
        return [line for one in spans for line in range(one["line"], one["last_line"] + 1)]


def checked(content: str | bytes, folder: Path, **options: Any) -> Checked:
    """Check this content and return what was found."""
    source = folder / "source.csv"
    source.write_bytes(content.encode() if isinstance(content, str) else content)
    now = datetime.now(UTC)
    import_ = Import(
        ids.new_id(ids.IMPORT), "", "contact", Options.of(options), Status.REQUESTED, "cli", now, now,
        source_uri=str(source),
    )  # fmt: skip
    files = LocalStore(folder / "files").folder(import_.folder)
    found = Checked()
    try:
        fetching.fetch(str(source), files)
        first = prevalidate(import_, files, sync_rows=sys.maxsize, limits=Limits.of(Settings.read()))
    except PermanentFailure as failure:
        found.code, found.reason = failure.code, failure.reason
        return found
    found.detected = dict(first.facts["detected"])
    found.notices = [notice.code for notice in first.notices]
    if first.success:
        preparse(import_, files)
        with Rows(files) as rows:
            read = [
                row for batch in rows.values(list(found.detected["columns"])) for row in batch.to_pylist()
            ]
        found.values = [{name: text for name, text in row.items() if text and name != "line"} for row in read]
    found.errors = {
        row.line: "; ".join(f"{one['code']}: {one['message']}" for one in row.errors)
        for row in rejected_rows(files)
    }
    return found
