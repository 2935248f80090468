"""Elements that several screens use: tables, lists of facts, links to other pages of a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

#: A cell: its text, or a function that fills it.
Cell = str | Callable[[], object]


def text(tag: str, content: str) -> TextElement:
    """Return an HTML element with a text."""
    return TextElement(tag=tag, text=content)


def section(title: str) -> ui.element:
    """Return a section with a heading; use it as a context manager."""
    part = ui.element("section")
    with part:
        text("h2", title)
    return part


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Show a table. On a narrow screen each row becomes a block, with the column's name before each value."""
    outside = f'tabindex="0" role="region" aria-label="{_attribute(caption)}"'
    with ui.element("div").classes("scroll").props(outside), ui.element("table").classes("data"):
        with ui.element("thead"), ui.element("tr"):
            for name in columns:
                text("th", name).props('scope="col"')
        with ui.element("tbody"):
            for row in rows:
                with ui.element("tr"):
                    for name, cell in zip(columns, row, strict=True):
                        with ui.element("td").props(f'data-column="{_attribute(name)}"'):
                            fill(cell)


def fill(cell: Cell) -> None:
    """Show a cell."""
    if isinstance(cell, str):
        text("span", cell)
    else:
        cell()


def facts(pairs: Iterable[tuple[str, Cell]]) -> None:
    """Show names with their values."""
    with ui.element("dl"):
        for name, value in pairs:
            text("dt", name)
            with ui.element("dd"):
                fill(value)


def other_pages(path: str, parameters: Mapping[str, str], page: int, pagination: Mapping[str, Any]) -> None:
    """Show links to the pages before and after this one."""
    total, limit = int(pagination.get("total") or 0), int(pagination.get("limit") or 1)
    if total <= limit and page == 1:
        return
    with ui.element("nav").classes("others").props('aria-label="Pages of the list"'):
        if page > 1:
            ui.link("Previous page", address(path, parameters, page=page - 1))
        ui.label(f"Page {page} of {max(1, -(-total // limit)):,}")
        if page * limit < total:
            ui.link("Next page", address(path, parameters, page=page + 1))


def address(path: str, parameters: Mapping[str, str], **more: object) -> str:
    """Return a path with the parameters that have a value."""
    given = {name: str(value) for name, value in {**parameters, **more}.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def _attribute(text: str) -> str:
    """Return a text as NiceGUI's ``props`` takes it between double quotes."""
    return text.replace("\\", "").replace('"', "'")
