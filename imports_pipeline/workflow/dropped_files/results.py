"""Result files for the sender of a dropped file: a text that says how its import ended, and the errors file.

Both files are written before the dropped file is moved, so a reader who finds the moved file finds the results too.
Writing them again gives the same contents.
"""

from __future__ import annotations

import json
import shutil
from itertools import islice
from typing import Final

from imports_pipeline.filestore.stores import Store
from imports_pipeline.model.files import ERRORS_CSV, ERRORS_JSON
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.printable import printable
from imports_pipeline.model.statuses import Status
from imports_pipeline.sources.dropped_file_options import OPTIONS_EXTENSION, DropPath

RESULT_EXTENSION: Final = ".result.txt"
ERRORS_EXTENSION: Final = ".errors.csv"
# The number of rejected rows that are read to find the most frequent reasons.
_ROWS_READ: Final = 1000
_REASONS: Final = 5
_LINES: Final = 5
_CHARACTERS: Final = 300


def write_results(store: Store, import_: Import, drop: DropPath, target: str) -> None:
    """Write ``<target>.errors.csv``, if a row was rejected, and ``<target>.result.txt``.

    Args:
        store: the file store that holds the dropped file and the import's own files
        import_: an import that has ended
        drop: the path of the dropped file
        target: the key to which the dropped file is moved, or would be if it had not been replaced or removed
    """
    files = store.folder(import_.folder)
    has_errors = import_.has_errors_file and files.exists(ERRORS_CSV)
    if has_errors:
        with files.open_read(ERRORS_CSV) as source, store.open_write(target + ERRORS_EXTENSION) as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
    reasons = _reasons(store, import_) if has_errors else []
    text = "\n".join(_sentences(import_, drop, reasons, has_errors=has_errors))
    with store.open_write(target + RESULT_EXTENSION) as file:
        file.write(f"{text}\n".encode())


def _sentences(import_: Import, drop: DropPath, reasons: list[str], *, has_errors: bool) -> list[str]:
    name = printable(drop.name)
    ended = import_.status is Status.COMPLETED
    rejected = int(import_.stats.get("rejected", 0))
    lines = [f"{name}: {_outcome(import_)}", "", _counts(import_), f"Import {import_.id}."]
    if import_.notices:
        lines += ["", *(f"Notice: {printable(notice['message'])}" for notice in import_.notices)]
    if reasons:
        lines += ["", f"Why {'rows' if rejected else 'values'} were left out:", *reasons]
    if not has_errors:
        return lines
    folder = f"{drop.folder}/"
    if ended and import_.options.action is Action.OVERWRITE:
        # The errors file holds only a few records. Importing it as an overwrite would remove all the others.
        folder = f"uploads/{drop.organization_id}/{drop.resource}/{Action.MERGE}/"
    lines.append("")
    if ended:
        listed = rejected + int(import_.stats.get("warnings", 0))
        rows = "that row" if listed == 1 else f"these {listed:,} rows"
        lines += [
            f"To import {rows}, correct the rows in {name}{ERRORS_EXTENSION} and drop that file into {folder}",
            "You need not remove the columns that it has in addition to yours. If your file had options, put them"
            f" beside it as {name}{ERRORS_EXTENSION}{OPTIONS_EXTENSION}.",
        ]
    else:
        lines.append(
            f"{name}{ERRORS_EXTENSION} shows the rows that are wrong. Correct them in {name} and drop it again."
        )
    return lines


def _outcome(import_: Import) -> str:
    """Return a sentence that says how the import ended."""
    rejected = int(import_.stats.get("rejected", 0))
    if import_.status is not Status.COMPLETED:
        reason = import_.reason or str(import_.status)
        stored = "" if "nothing was written" in reason.lower() else " Nothing of it was stored."
        return f"Not imported ({import_.status}). {printable(reason)}{stored}"
    done = "Checked, and nothing was written, as its options ask" if import_.options.dry_run else "Imported"
    warnings = int(import_.stats.get("warnings", 0))
    left = [f"{rejected:,} {'row was' if rejected == 1 else 'rows were'} left out"] if rejected else []
    if warnings:
        left.append(f"invalid values of {warnings:,} {'row' if warnings == 1 else 'rows'} were left out")
    return f"{done}, but {' and '.join(left)}." if left else f"{done}."


def _counts(import_: Import) -> str:
    """Return the counts as text. "removed" counts the records that an overwrite removed or a delete deleted."""
    stats = {name: int(value) for name, value in import_.stats.items() if isinstance(value, int)}
    removed = stats.get("deleted", 0) + stats.get("overwritten", 0)
    counts = {
        "created": stats.get("created", 0),
        "updated": stats.get("updated", 0),
        "unchanged": stats.get("unchanged", 0),
        "removed": removed,
        "left out": stats.get("rejected", 0),
    }
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _reasons(store: Store, import_: Import) -> list[str]:
    """Return a line for each of the most frequent error codes, with the first message and the first lines."""
    messages: dict[str, str] = {}
    lines: dict[str, list[int]] = {}
    with store.folder(import_.folder).open_read(ERRORS_JSON) as file:
        # errors.json has one rejected row on each line, between the lines that open and close the array.
        for text in islice(file, 1, _ROWS_READ + 1):
            if not text.startswith(b"{"):
                break
            row = json.loads(text.strip().removesuffix(b","))
            for error in row["errors"]:
                column = f"{error['column']}: " if error["column"] else ""
                messages.setdefault(error["code"], printable(f"{column}{error['message']}")[:_CHARACTERS])
                found = lines.setdefault(error["code"], [])
                if not found or found[-1] != row["line"]:
                    found.append(row["line"])
    most = sorted(lines, key=lambda code: -len(lines[code]))
    shown = [
        f"- line{'s' if len(at) > 1 else ''} {', '.join(map(str, at[:_LINES]))}"
        f"{f' and {len(at) - _LINES:,} more' if len(at) > _LINES else ''}: {messages[code]} ({code})"
        for code in most[:_REASONS]
        for at in (lines[code],)
    ]
    if len(most) > _REASONS or import_.stats.get("rejected", 0) > _ROWS_READ:
        shown.append("- and others; all of them are in the errors file")
    return shown
