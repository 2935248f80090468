"""The command ``known-files``: the products whose exports are recognised, and what is known about each."""

from __future__ import annotations

from typing import Any

import typer

from imports_pipeline.cli.output import print_json
from imports_pipeline.cli.session import stop
from imports_pipeline.cli.tables import Column, print_table
from imports_pipeline.schemas.column_mapping.known_files.known_file import InvalidKnownFile, KnownFile
from imports_pipeline.schemas.column_mapping.known_files.recognition import (
    UnknownKnownFile,
    known_files,
    recognise,
)
from imports_pipeline.settings import Settings


def list_known_files(name: str | None, *, as_json: bool) -> None:
    """Print all known files, or what is known about the one of this name."""
    try:
        known = known_files(Settings.read().known_files)
        one = None if name is None else recognise((), known, name)
    except (InvalidKnownFile, UnknownKnownFile, ValueError) as error:
        stop(str(error), 2)
    if one is None:
        shown = [
            {"name": file.name, "product": file.product, "export": file.export} for file in known.values()
        ]
        if as_json:
            print_json(shown)
        else:
            _print_all(shown)
    elif as_json:
        print_json(_described(one))
    else:
        _print_one(one)


def _described(one: KnownFile) -> dict[str, Any]:
    """Return what is known about a file as plain values."""
    preset = one.preset
    return {
        "name": one.name,
        "product": one.product,
        "export": one.export,
        "signature": [list(headers) for headers in one.headers],
        "columns": dict(preset.columns),
        "templates": dict(preset.templates),
        "separators": {of: list(texts) for of, texts in preset.separators.items()},
        "dropped": {of: list(patterns) for of, patterns in preset.dropped.items()},
        "defaults": dict(one.defaults),
        "sources": [{"what": s.what, "where": s.where, "date": s.date} for s in one.sources],
        "unsourced": list(one.unsourced),
    }


def _print_all(shown: list[dict[str, str]]) -> None:
    columns = (Column("name"), Column("product", text=True), Column("export", text=True, rank=1))
    print_table(columns, (tuple(file.values()) for file in shown))


def _print_one(one: KnownFile) -> None:
    shown = _described(one)
    typer.echo(f"{one.product}: {one.export}" if one.export else one.product)
    typer.echo("Recognised by all headers of one line, in any order and case:")
    for signature in shown["signature"]:
        typer.echo("  " + ", ".join(signature))
    for title, key in (("Columns", "columns"), ("Templates", "templates"), ("Defaults", "defaults")):
        _print_pairs(title, shown[key])
    _print_pairs("Several values in a cell, separated by", _quoted(shown["separators"]))
    _print_pairs("Left out, regular expressions", _quoted(shown["dropped"]))
    typer.echo("Columns that are not named here are understood by their headers.")
    for source in shown["sources"]:
        typer.echo(f"Source of {source['what']}: {source['where']} ({source['date']})")
    for text in shown["unsourced"]:
        typer.echo(f"No source: {text}")


def _print_pairs(title: str, pairs: dict[str, str]) -> None:
    if pairs:
        typer.echo(f"{title}:")
    for left, right in pairs.items():
        typer.echo(f"  {left}: {right}")


def _quoted(lists: dict[str, list[str]]) -> dict[str, str]:
    return {of: " ".join(f'"{text}"' for text in texts) for of, texts in lists.items()}
