"""The imports that wait for an approval."""

from __future__ import annotations

from nicegui import ui

from imports_pipeline.pages import wording
from imports_pipeline.pages.elements import other_pages, table, text
from imports_pipeline.pages.screen import Screen, screen
from imports_pipeline.pages.screens.imports_list import row


@screen("/approvals", "Approvals")
async def approvals(shown: Screen) -> None:
    """List the refused imports that nobody has approved or rejected."""
    shown.heading("Waiting for approval")
    page = shown.page_number()
    answer = await shown.get("/v1/imports", status="failed", page=page, limit=100)
    waiting = [one for one in answer.data if _waits(one)]
    if waiting:
        table(
            "Imports that wait for an approval",
            ("Name", "What", "State", "Result", "When"),
            [row(shown, one) for one in waiting],
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


def _waits(import_: dict[str, object]) -> bool:
    decided = import_.get("approval") or import_.get("rejected_by")
    return wording.is_refused(import_) and not import_.get("dry_run") and not decided
