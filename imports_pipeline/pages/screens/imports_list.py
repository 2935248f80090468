"""The list of imports, with filters."""

from __future__ import annotations

from typing import Any, Final

from nicegui import ui

from imports_pipeline.pages import wording
from imports_pipeline.pages.elements import Cell, other_pages, table, text
from imports_pipeline.pages.screen import Screen, screen

_FILTERS: Final = (
    ("resource", "Kind", {"contact": "Contacts", "group": "Groups"}),
    ("action", "What was done", {**wording.ACTIONS, "revert": "Undo"}),
    ("status", "State", {name: words[:1].upper() + words[1:] for name, words in wording.STATUSES.items()}),
)


@screen("/imports", "Imports")
async def imports(shown: Screen) -> None:
    """Show the newest imports."""
    shown.heading("Imports")
    wanted = {name: shown.parameter(name) for name, _, _ in _FILTERS}
    page = shown.page_number()
    _filters(shown, wanted)
    answer = await shown.get("/v1/imports", page=page, limit=20, **wanted)
    if not answer.data:
        ui.label("There is no import yet." if not any(wanted.values()) else "No import is like this.")
        return
    table(
        "Imports",
        ("Name", "What", "State", "Result", "When"),
        [row(shown, import_) for import_ in answer.data],
    )
    other_pages("/imports", wanted, page, answer.pagination)


def row(shown: Screen, import_: dict[str, Any], path: str = "") -> list[Cell]:
    """Return the cells of an import; its name links to its page, or to another path below it."""
    name = wording.title(import_, shown.time(import_["created_at"]))
    what = f"{wording.RESOURCES[import_['resource']]}: {wording.action_of(import_)}"
    if import_.get("dry_run"):
        what += " (dry run)"
    ended = import_["status"] in wording.FINAL
    return [
        lambda: ui.link(name, f"/imports/{import_['id']}{path}"),
        what,
        wording.state(import_),
        wording.outcome(import_) if ended else "",
        shown.time(import_["created_at"]),
    ]


def _filters(shown: Screen, wanted: dict[str, str]) -> None:
    """Show the filters as a form whose values are in the address."""
    action = f'method="get" action="{shown.prefix}/imports"'
    with ui.element("form").props(action).classes("filters"):
        for name, label, choices in _FILTERS:
            with ui.element("label"):
                ui.label(label)
                with ui.element("select").props(f'name="{name}"'):
                    for value, shown_as in {"": "All", **choices}.items():
                        chosen = " selected" if wanted[name] == value else ""
                        text("option", shown_as).props(f'value="{value}"{chosen}')
        text("button", "Show").props('type="submit"').classes("plain")
