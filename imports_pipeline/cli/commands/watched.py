"""The command ``uploads``: dropped files."""

from __future__ import annotations

from collections.abc import Sequence

from imports_pipeline.cli.output import print_json
from imports_pipeline.cli.session import reading
from imports_pipeline.cli.tables import Column, print_table, shown_time


def list_uploads(organization: str, states: Sequence[str], limit: int, *, as_json: bool) -> None:
    """Print the newest dropped files with their states."""
    with reading() as installation:
        from imports_pipeline.registry import dropped_files

        with installation.database.connect() as connection:
            found = dropped_files.find(connection, organization, states, limit)
        if as_json:
            print_json(found)
            return
        columns = (
            Column("seen (UTC)"),
            Column("file", text=True),
            Column("state"),
            Column("import", rank=1),
            Column("reason", rank=2, text=True),
        )
        print_table(
            columns,
            (
                (
                    shown_time(row["seen_at"]),
                    row["key"],
                    row["state"],
                    row["import_id"] or "",
                    row["reason"] or "",
                )
                for row in found
            ),
        )
