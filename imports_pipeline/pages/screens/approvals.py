"""The imports that wait for an approval."""

from __future__ import annotations

from typing import Final

from nicegui import ui

from imports_pipeline.pages.elements import other_pages, table, text
from imports_pipeline.pages.screen import Screen, screen
from imports_pipeline.pages.screens.imports_list import row

_PAGE_SIZE: Final = 20


@screen("/approvals", "Approvals")
async def approvals(shown: Screen) -> None:
    """List the refused imports that nobody has approved or rejected."""
    shown.heading("Waiting for approval")
    page = shown.page_number()
    answer = await shown.get("/v1/imports", awaiting="approval", page=page, limit=_PAGE_SIZE)
    if answer.data:
        table(
            "Imports that wait for an approval",
            ("Name", "What", "State", "Result", "When"),
            [row(shown, one) for one in answer.data],
        )
    else:
        text(
            "p",
            "Nothing waits for an approval." if page == 1 else "Nothing on this page waits for an approval.",
        )
    if not shown.allows("imports:approve"):
        text("p", "Your API key does not allow approvals; it lacks the scope imports:approve.").classes(
            "hint"
        )
    other_pages("/approvals", {}, page, answer.pagination)
    ui.link("All imports", "/imports")
