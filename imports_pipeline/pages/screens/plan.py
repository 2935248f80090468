"""The plan of an import record by record: removals first, what changes from what to what, with a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nicegui import ui

from imports_pipeline.pages import wording
from imports_pipeline.pages.elements import Cell, other_pages, table, text
from imports_pipeline.pages.screen import Screen, screen
from imports_pipeline.pages.screens.decisions import decisions

_PAGE_SIZE: Final = 50
#: Values of a removed record that are shown beside its name.
_SHOWN_VALUES: Final = 4


@screen("/imports/{import_id}/plan", "Plan")
async def plan(shown: Screen) -> None:
    """Show the plan, and what can be done with it."""
    import_ = await shown.import_()
    shown.heading(f"Plan: {wording.title(import_, shown.time(import_['created_at']))}")
    text("p", wording.outcome(import_)).classes("lead").props('id="outcome"')
    ui.link("Back to the import", f"/imports/{shown.import_id}")
    wanted = {"operation": shown.parameter("operation"), "search": shown.parameter("search").strip()[:200]}
    page = shown.page_number()
    answer = await shown.get(f"/v1/imports/{import_['id']}/plan", page=page, limit=_PAGE_SIZE, **wanted)
    decisions(shown, import_)
    path = f"/imports/{shown.import_id}/plan"
    _filters(shown, path, wanted, answer.pagination.get("operations") or {})
    if not answer.data:
        text("p", "No record is like this." if any(wanted.values()) else "No record would change.")
        return
    table(
        "The plan, record by record",
        ("What", "Record", "Line", "Changes"),
        [_row(entry) for entry in answer.data],
    )
    other_pages(path, wanted, page, answer.pagination)


def _filters(shown: Screen, path: str, wanted: Mapping[str, str], counts: Mapping[str, int]) -> None:
    with ui.element("form").props(f'method="get" action="{shown.prefix}{path}"').classes("filters"):
        with ui.element("label"):
            text("span", "What")
            with ui.element("select").props('name="operation"'):
                text("option", f"All ({sum(counts.values()):,})").props('value=""')
                for operation, count in counts.items():
                    chosen = " selected" if wanted["operation"] == operation else ""
                    words = wording.OPERATIONS.get(operation, operation.replace("_", " "))
                    text("option", f"{words} ({count:,})").props(f'value="{operation}"{chosen}')
        with ui.element("label"):
            text("span", "Name, email or id")
            field = ui.element("input").props('name="search" type="search" maxlength="200"')
            field.props["value"] = wanted["search"]
        text("button", "Search").props('type="submit"').classes("plain")


def _row(entry: Mapping[str, Any]) -> list[Cell]:
    name = entry["name"] or entry.get("email") or entry["id"]
    words = wording.OPERATIONS.get(entry["operation"], entry["operation"].replace("_", " "))
    return [
        words,
        lambda: text("strong", str(name)),
        "" if entry["line"] is None else f"{entry['line']:,}",
        lambda: _changes(entry),
    ]


def _changes(entry: Mapping[str, Any]) -> None:
    """Show the changes of a record; of a removed one the values that are lost."""
    if entry.get("reason"):
        text("div", str(entry["reason"]))
    changes = entry["changes"]
    is_removed = entry["operation"] in wording.REMOVALS
    for change in changes[: _SHOWN_VALUES if is_removed else None]:
        with ui.element("div"):
            text("span", f"{change['field']}: ")
            if change["old"] is not None:
                text("del", _value(change["old"]))
            if not is_removed and (change["old"] is not None or change["new"] is not None):
                text("span", " → ")
                text("ins", "nothing" if change["new"] is None else _value(change["new"]))
            for what in ("added", "removed"):
                if change.get(what):
                    text("span", f" {what}: {', '.join(map(str, change[what]))}")
    if is_removed and len(changes) > _SHOWN_VALUES:
        text(
            "div", f"and {wording.number(len(changes) - _SHOWN_VALUES, 'more value', 'more values')}"
        ).classes("hint")


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
