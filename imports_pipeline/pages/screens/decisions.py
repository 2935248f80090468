"""What a person can do with an import: import the checked file, approve removals or say no, undo."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote

from nicegui import ui

from imports_pipeline.pages import wording
from imports_pipeline.pages.elements import text
from imports_pipeline.pages.screen import Screen

#: Up to this many rows, a person waits until the import is written.
_WAITED_ROWS: Final = 1000


def decisions(shown: Screen, import_: dict[str, Any]) -> None:
    """Show what the person may do with an import that has ended."""
    is_done = import_["status"] == "completed"
    if wording.is_refused(import_) or (wording.is_changed(import_) and import_.get("approves")):
        _refused(shown, import_)
    elif (is_done and import_.get("dry_run")) or (wording.is_changed(import_) and import_.get("commits")):
        if shown.allows("imports:write"):
            _confirm_undo(shown, import_) if import_["action"] == "revert" else _commit(shown, import_)
    elif is_done and shown.allows("imports:write") and _can_be_undone(import_):
        _undo(shown, import_)


def _can_be_undone(import_: dict[str, Any]) -> bool:
    return import_["action"] != "revert" and not import_.get("reverted_by") and wording.changes(import_) > 0


def _commit(shown: Screen, import_: dict[str, Any]) -> None:
    """Show the button that runs the import whose plan is on the page."""
    removed = wording.removals(import_)
    with ui.element("div").classes("confirm"):
        if import_.get("commit"):
            ui.link("It was imported: see the import", f"/imports/{import_['commit']}")
            return
        if not wording.changes(import_):
            text("p", "There is nothing to import: all records have these values already.")
            return
        if removed:
            text(
                "p",
                f"This removes {wording.number(removed, 'record')}. You can undo it later."
                " More than your organization allows without approval will wait for an approver.",
            )
        shown.button(
            f"Import now and remove {removed:,}" if removed else "Import now",
            _carry_out(shown, import_),
            color="red-9" if removed else "primary",
        )


def _carry_out(shown: Screen, import_: dict[str, Any]) -> Callable[[], Awaitable[None]]:
    """Return what a click does that carries out the plan on the page.

    The import is a dry run, or a commit of one that was not written because the plan had changed.
    """
    dry_run = import_["commits"] if wording.is_changed(import_) else import_["id"]
    path = f"/v1/imports/{quote(dry_run)}/commit"

    async def carry_out() -> None:
        wanted = {"plan_checksum": import_["plan_checksum"], "mode": _mode(import_)}
        answer = await shown.post(path, json=wanted)
        if answer.data["code"] == "sync_limit_exceeded":
            answer = await shown.post(path, json={**wanted, "mode": "mixed"})
        if answer.data["id"] in (dry_run, import_["id"]):
            shown.say(answer.message)
        else:
            ui.navigate.to(f"/imports/{answer.data['id']}")

    return carry_out


def _mode(import_: dict[str, Any]) -> str:
    """Return the mode of a commit: the person waits for a small import, and a large one is queued."""
    rows = import_["phases"][0]["total"] if import_["phases"] else 0
    return "sync" if rows <= _WAITED_ROWS else "mixed"


def _confirm_undo(shown: Screen, import_: dict[str, Any]) -> None:
    """Show the button that runs the undo whose plan is on the page."""
    with ui.element("div").classes("confirm"):
        if import_.get("commit"):
            ui.link("It was undone: see the undo", f"/imports/{import_['commit']}")
            return
        text(
            "p", "This is the plan of the undo. Records that somebody has changed since are left as they are."
        )
        shown.button("Undo the import now", _carry_out(shown, import_), color="red-9")


def _undo(shown: Screen, import_: dict[str, Any]) -> None:
    """Show the button that makes the plan of an undo."""

    async def plan() -> None:
        answer = await shown.post(f"/v1/imports/{import_['id']}/revert", json={"dry_run": True})
        ui.navigate.to(f"/imports/{answer.data['id']}")

    with ui.element("div").classes("confirm"):
        text("p", "You see first what an undo would do.")
        shown.button("Undo …", plan, label="Undo: show what it would do")


def _refused(shown: Screen, import_: dict[str, Any]) -> None:
    """Show the approval of an import that a guard has refused, or who can give it."""
    with ui.element("div").classes("confirm danger"):
        if import_.get("rejected_by"):
            reason = import_.get("rejection_reason")
            text("p", "An approver said no" + (f": {reason}" if reason else "."))
        elif import_.get("approval"):
            ui.link("The removals were approved: see the import", f"/imports/{import_['approval']}")
        elif shown.allows("imports:approve"):
            if import_.get("created_by") and not import_.get("approves"):
                text("p", f"Sent by {shown.person(import_, 'created_by')}.")
            _approve(shown, import_)
            with ui.element("div").classes("other"):
                _say_no(shown, import_)
        else:
            text("p", "Somebody whose key has the scope imports:approve must approve the removals.")
            text("p", "They find this import under Approvals, or at the address of this page.")


def _approve(shown: Screen, import_: dict[str, Any]) -> None:
    removed = wording.removals(import_)
    with ui.element("label"):
        text("span", f"To approve, type the number of records that will be removed ({removed:,}):")
        typed = ui.element("input").props('inputmode="numeric" autocomplete="off" id="typed-number"')
    given = _following(typed)

    async def approve() -> None:
        number = given["value"].replace(",", "").strip()
        if number != str(removed):
            shown.say(f"Type {removed} to approve that {wording.number(removed, 'record')} will be removed.")
            return
        wanted = {"max_deletions": removed, "plan_checksum": import_["plan_checksum"]}
        answer = await shown.post(f"/v1/imports/{import_['id']}/approve", json=wanted)
        if answer.data["id"] == import_["id"]:
            shown.say(answer.message)
        else:
            ui.navigate.to(f"/imports/{answer.data['id']}")

    shown.button("Approve the removals", approve, color="red-9")


def _say_no(shown: Screen, import_: dict[str, Any]) -> None:
    """Show the field for a reason, and the button that records that the import is not to be approved."""
    with ui.element("label"):
        text("span", "Or say no, and write why:")
        written = ui.element("input").props('autocomplete="off" maxlength="500" id="reason"')
    reason = _following(written)

    async def reject() -> None:
        if not reason["value"].strip():
            shown.say("Write a reason, so that whoever sent the file knows what to do.")
            return
        await shown.post(f"/v1/imports/{import_['id']}/reject", json={"reason": reason["value"].strip()})
        ui.navigate.to(f"/imports/{import_['id']}")

    shown.button("Say no", reject)


def _following(field: ui.element) -> dict[str, str]:
    """Return an object whose ``value`` follows what is typed into a field."""
    typed = {"value": ""}
    field.on(
        "input",
        lambda event: typed.update(value=str(event.args)[:1000]),
        js_handler="(e) => emit(e.target.value)",
    )
    return typed
