"""The page of one import: what it did or would do, its progress, its phases, its files, and what can be done now."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from nicegui import ui

from imports_pipeline.pages import wording
from imports_pipeline.pages.elements import Cell, facts, section, table, text
from imports_pipeline.pages.screen import Screen, screen
from imports_pipeline.pages.screens.decisions import decisions

#: Seconds between two requests for the progress, and seconds that each may wait for a change.
_POLL_SECONDS: Final = 0.2
_WAIT_SECONDS: Final = 10
#: Files of an import: their name in the address, and what the link says.
_FILES: Final = (
    ("errors_xlsx", "Rows left out, as Excel"),
    ("errors_csv", "Rows left out, as CSV"),
    ("upload_csv", "The file as it was read, as CSV"),
    ("plan_csv", "The plan, as CSV"),
)
_SOURCES: Final = {
    "api": "sent to the API or these pages",
    "upload_url": "uploaded",
    "bucket": "found in the upload folder",
    "schedule": "scheduled",
    "ui": "started in Dagster",
    "cli": "started on the command line",
}


@screen("/imports/{import_id}", "Import")
async def import_page(shown: Screen) -> None:
    """Show the import."""
    import_ = await shown.import_()
    shown.heading(wording.title(import_, shown.time(import_["created_at"])))
    what = f"{wording.RESOURCES[import_['resource']]}: {wording.action_of(import_)}"
    text("p", f"{what}. State: {wording.state(import_)}.").classes("lead").props('id="state"')
    if import_["status"] not in wording.FINAL:
        await _progress(shown, import_)
        return
    # The state says the first sentence already.
    reason = (import_["reason"] or "").removeprefix("Dry run: nothing was written.").strip()
    if reason:
        text("p", reason)
    text("p", wording.outcome(import_)).classes("lead").props('id="outcome"')
    for notice in import_["notices"]:
        text("p", f"Note: {notice['message']}")
    _links(import_)
    decisions(shown, import_)
    if import_["phases"]:
        _phases(import_)
    _files(shown, import_)
    _history(shown, import_)


def links_of(import_: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the other pages of an import: path and text."""
    path = f"/imports/{import_['id']}"
    left_out = import_["stats"].get("rejected", 0)
    found = []
    if import_["has_upload_file"]:
        found.append((f"{path}/understand", "How the columns were understood"))
    if import_["has_errors_file"] and import_["has_upload_file"]:
        found.append((f"{path}/mend", f"Mend {wording.number(left_out, 'row')}" if left_out else "Mend rows"))
    if wording.has_plan(import_):
        found.append((f"{path}/plan", "The plan, record by record"))
    return found


def _links(import_: dict[str, Any]) -> None:
    with ui.element("nav").classes("actions").props('aria-label="Pages of this import"'):
        for path, words in links_of(import_):
            ui.link(words, path)


async def _progress(shown: Screen, import_: dict[str, Any]) -> None:
    """Show how far the import is, and load the page again when it has ended."""
    path = f"/v1/imports/{quote(import_['id'])}"
    now = (await shown.get(f"{path}/progress")).data
    is_awaited = not import_["has_upload_file"] and bool(import_.get("_upload_url"))
    doing = text("p", _doing(now, is_awaited)).props('role="status" id="doing"')
    bar = ui.element("progress").props('max="100" aria-label="How far the import is"')
    token = {"after": now["token"]}

    async def poll() -> None:
        # The answer comes when something has changed, so one request after another is no load.
        now = (await shown.get(f"{path}/progress", **token, wait=_WAIT_SECONDS)).data
        token["after"] = now["token"]
        if now["has_ended"]:
            timer.deactivate()
            ui.navigate.to(f"/imports/{shown.import_id}")
            return
        doing.text = _doing(now, is_awaited and now["phase"] is None)
        if now["share"] is not None:
            bar.props(f'value="{100 * now["share"]:.0f}"')

    async def cancel() -> None:
        await shown.post(f"{path}/cancel")
        ui.navigate.to(f"/imports/{shown.import_id}")

    timer = ui.timer(_POLL_SECONDS, lambda: shown.guarded(poll))
    if shown.allows("imports:write"):
        shown.button("Cancel the import", cancel, color="red-9")


def _doing(now: dict[str, Any], is_awaited: bool) -> str:
    """Return what an import does at the moment, such as ``Writing: 4,000 of 9,000 rows``."""
    if is_awaited:
        return "The import waits for its file."
    if now["status"] == "queued":
        return "The file is valid, and the import waits until it is written."
    phase = wording.PHASES.get(now["phase"], "Beginning")
    if now["rows"] is None or not now["total"]:
        return f"{phase} …"
    return f"{phase}: {now['rows']:,} of {now['total']:,} rows"


def _phases(import_: dict[str, Any]) -> None:
    """Show how many rows each phase passed on."""
    most = max(report["total"] for report in import_["phases"]) or 1

    def bar(report: dict[str, Any]) -> Cell:
        kept, lost = (200 * report[name] / most for name in ("success", "error"))
        return lambda: ui.html(
            f'<svg width="204" height="14" aria-hidden="true"><rect class="bar" height="14" width="{kept:.1f}"/>'
            f'<rect class="lost" height="14" x="{kept:.1f}" width="{lost:.1f}"/></svg>',
            sanitize=False,
        )

    rows: list[list[Cell]] = [
        [
            wording.PHASES.get(report["name"], report["name"]),
            f"{report['success']:,}",
            f"{report['error']:,}",
            bar(report),
            f"{report['ended_at'] - report['started_at']:.1f} s",
        ]
        for report in import_["phases"]
    ]
    with section("Rows through the phases"):
        table("Phases", ("Phase", "Passed on", "Left out", "Of all rows", "Took"), rows)


def _files(shown: Screen, import_: dict[str, Any]) -> None:
    there = {
        "errors_xlsx": import_["has_errors_file"],
        "errors_csv": import_["has_errors_file"],
        "upload_csv": import_["has_upload_file"],
        "plan_csv": wording.has_plan(import_) and shown.allows(f"{import_['resource']}s:read"),
    }
    if any(there.values()):
        with section("Files"), ui.element("ul"):
            for name, words in _FILES:
                if there[name]:
                    with ui.element("li"):
                        ui.link(words, f"/imports/{quote(import_['id'])}/files/{name}")


def _history(shown: Screen, import_: dict[str, Any]) -> None:
    """Show who did what, and the imports that belong to this one."""
    pairs: list[tuple[str, Cell]] = [
        (
            "Begun",
            f"{shown.time(import_['created_at'])}, {_SOURCES.get(import_['source'], import_['source'])}",
        )
    ]
    for name, words in (("created_by", "By"), ("approved_by", "Approved by"), ("rejected_by", "Said no")):
        if import_.get(name):
            pairs.append((words, shown.person(import_, name)))
    if import_.get("rejection_reason"):
        pairs.append(("Because", str(import_["rejection_reason"])))
    for name, words in (
        ("commits", "Dry run of it"),
        ("corrects", "Checks again"),
        ("approves", "Approves"),
        ("approval", "Approved as"),
        ("reverts", "Undoes"),
        ("reverted_by", "Undone by"),
    ):
        if import_.get(name):
            pairs.append((words, _link_to(str(import_[name]))))
    pairs.append(("Last change", shown.time(import_["updated_at"])))
    pairs.append(("Id", import_["id"]))
    with section("Who did what"):
        facts(pairs)


def _link_to(import_id: str) -> Cell:
    return lambda: ui.link(import_id, f"/imports/{import_id}")
