"""The commands ``batch``, which applies JSON items, and ``batches``, which lists batches."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imports_pipeline.cli import standard_input
from imports_pipeline.cli.commands.imports import finish, user
from imports_pipeline.cli.interruption import report_interruption
from imports_pipeline.cli.output import print_imports, print_json
from imports_pipeline.cli.session import reading, session, stop, tell
from imports_pipeline.model.files import UPLOAD
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.reading.json_items import object_of_pairs
from imports_pipeline.sources.import_options import options_of


def run_batch(
    file: str,
    resource: str,
    given: Mapping[str, Any],
    properties: str,
    *,
    name: str | None,
    organization: str,
    wait: bool,
    as_json: bool,
) -> None:
    """Register a batch, run its phases and print it; exit with 1 if it failed."""
    items = _items(file)
    defaults = _json(properties, "--properties")
    if not isinstance(defaults, dict):
        stop("--properties must be a JSON object", 2)
    try:
        options = options_of(resource, given, name)
    except InvalidOption as error:
        stop(str(error), 2)
    try:
        content = json.dumps({"properties": defaults, "items": items}, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        stop("A text of the items has a lone surrogate, which is no character; remove it.", 2)
    with report_interruption(), session() as workflow:
        from imports_pipeline.registry import import_records

        limit = workflow.settings.sync_rows
        if given["mode"] == "sync" and len(items) > limit:
            stop(f"There are {len(items):,} items, and mode sync takes {limit:,}; use --mode mixed.")
        with workflow.database.connect() as connection, connection.transaction():
            batch = import_records.create_import(
                connection,
                organization_id=organization,
                resource=resource,
                options=options,
                source="cli",
                name=name,
                created_by=user(),
                via="api",
            )
            with workflow.files(batch).open_write(UPLOAD) as out:
                out.write(content)
        finish(workflow, batch, wait=wait, as_json=as_json)


def _items(file: str) -> list[Any]:
    """Read the items of a JSON array, or of one JSON object on each line."""
    try:
        text = sys.stdin.read() if file == standard_input.NAME else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        stop(f"{file} cannot be read as UTF-8 text: {error}", 2)
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith("["):
        items = _json(text, file)
    else:
        # str.splitlines() also splits at U+2028 and others, which JSON texts may contain.
        lines = ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())
        items = [_json(line, f"{file}, line {number}") for number, line in lines]
    if not isinstance(items, list) or not items:
        stop(f"{file} holds no items; write a JSON array of objects, or one object on each line", 2)
    return items


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=object_of_pairs)
    except (ValueError, RecursionError) as error:
        stop(f"{what} is not valid JSON: {str(error)[:200]}", 2)


def list_batches(organization: str, limit: int, *, as_json: bool) -> None:
    """Print the newest batches."""
    with reading() as installation:
        from imports_pipeline.registry import import_records, lists

        with installation.database.connect() as connection:
            found = lists.find(connection, "batch", organization, lists.ListQuery(limit=limit))
            shown = import_records.get_imports(connection, organization, [row["id"] for row in found.rows])
        if as_json:
            print_json([batch.as_batch() for batch in shown])
        elif shown:
            print_imports([batch.as_batch() for batch in shown])
        else:
            tell(f"The organization {organization} has no batches.")
