"""The page ``docs/reference/options.md``, made from the one list of options.

Write it anew with ``python -m imports_pipeline_tests.options_page``; a test compares it with the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.option_declarations import Declaration, Group
from imports_pipeline.model.options import declarations

PAGE: Final = Path(__file__).parents[1] / "docs/reference/options.md"
_HEAD: Final = """\
# Import options

This page is for everyone who starts an import. It lists every option with its type, default and meaning. The names are
the same everywhere: in the Launchpad of Dagster, in JSON and forms of the HTTP API, in `syncs.yaml`, and in the YAML
file beside a dropped file. On the command line `_` is written `-` (`--dry-run`).

`read` takes the options of "How the file is read". `check` takes these and the options that matter to the first two
phases.
A batch of JSON items takes the options that are not marked with *file*. A request to the HTTP API takes all but those
of "Where the file is".
"""
_TYPES: Final = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    tuple: "list of names",
}


def page() -> str:
    """Return the text of the page."""
    return "\n".join([_HEAD, *(line for group in Group for line in _section(group))])


def _section(group: Group) -> Iterator[str]:
    yield f"## {group.value}\n"
    yield "| option | type | default | meaning |"
    yield "|---|---|---|---|"
    for option in declarations().values():
        if option.group is group:
            of_a_file = " *file*" if option.of_a_file else ""
            yield f"| `{option.name}`{of_a_file} | {_type(option)} | {_default(option)} | {option.description} |"
    yield ""


def _type(option: Declaration) -> str:
    if issubclass(option.kind, StrEnum):
        return ", ".join(f"`{choice.value}`" for choice in option.kind if choice is not Action.REVERT)
    if option.kind is Mapping:
        return "field to header"
    bounds = f", {option.minimum:,} to {option.maximum:,}" if option.maximum is not None else ""
    return _TYPES[option.kind] + bounds


def _default(option: Declaration) -> str:
    if option.otherwise is not None:
        return f"`{option.otherwise}`"
    if option.default is None or option.default == () or option.default == {}:
        return "–"
    shown = str(option.default).lower() if isinstance(option.default, bool) else option.default
    return f"`{shown}`"


if __name__ == "__main__":
    PAGE.write_text(page())
