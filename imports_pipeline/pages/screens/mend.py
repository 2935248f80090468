"""Mend: the rejected rows in a grid, to be corrected in place and checked again.

The browser fetches the rows and sends corrections by the routes of this module. The session keeps corrections, so that
a reload of the page does not lose them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from nicegui import app, ui

from imports_pipeline.pages import wording
from imports_pipeline.pages.api_client import ApiError
from imports_pipeline.pages.elements import text
from imports_pipeline.pages.runtime import runtime, session_of
from imports_pipeline.pages.screen import Screen, screen
from imports_pipeline.pages.sessions import Session

#: Rows that one answer of the API has, and rows that the grid shows at most.
_PAGE_SIZE: Final = 1000
LARGEST_GRID: Final = 20_000
#: Seconds within which the browser must have sent the last corrections.
_FLUSH_SECONDS: Final = 30.0


@screen("/imports/{import_id}/mend", "Mend")
async def mend(shown: Screen) -> None:
    """Show the grid."""
    import_ = await shown.import_()
    code = shown.parameter("code")[:60]
    first = await shown.get(f"/v1/imports/{import_['id']}/errors", limit=1, code=code)
    shown.heading(f"Mend: {import_['name'] or import_['id']}")
    total = int(first.pagination["total"])
    text("p", f"{wording.number(total, 'row')} left out.").classes("lead")
    with ui.element("div").classes("actions"):
        ui.link("Back to the import", f"/imports/{shown.import_id}")
        ui.link("Download as Excel", f"/imports/{shown.import_id}/files/errors_xlsx")
        ui.link("Download as CSV", f"/imports/{shown.import_id}/files/errors_csv")
    _filter(shown, code, first.pagination.get("codes") or {})
    if not total:
        return
    if total > LARGEST_GRID:
        text(
            "p",
            f"The first {LARGEST_GRID:,} rows are shown. Download all of them to mend them in a spreadsheet.",
        )
    text(
        "p",
        "Type over a cell, or paste cells from a spreadsheet. Cells with a problem are marked with ⚠, and the column"
        " Problem says what it is.",
    ).classes("hint")
    ui.add_head_html(f'<script src="{shown.prefix}/static/mend.js" defer></script>')
    grid = (
        ui.aggrid({"columnDefs": [], "rowData": []})
        .classes("mend")
        .props('aria-label="Rows left out" role="region"')
    )
    text("p", "").props('role="status" id="problem"')
    text("p", "").props('role="status" id="mended"')
    address = f"/imports/{quote(shown.import_id)}/rejected?code={quote(code)}"
    shown.client.on_connect(lambda: ui.run_javascript(f"startMend({grid.id}, {address!r})"))
    if shown.allows("imports:write"):
        shown.button("Check again", lambda: _check_again(shown))


async def _check_again(shown: Screen) -> None:
    """Check the file again with the corrected rows."""
    if not await ui.run_javascript("flushMended()", timeout=_FLUSH_SECONDS):
        shown.say("The last corrections could not be sent. Try again.")
        return
    rows = shown.session.corrections.get(shown.import_id, {})
    if not rows:
        shown.say("Correct a cell first.")
        return
    wanted = {"rows": [{"line": line, "row": row} for line, row in sorted(rows.items())]}
    answer = await shown.post(f"/v1/imports/{quote(shown.import_id)}/corrections", json=wanted)
    shown.session.corrections.pop(shown.import_id, None)
    ui.navigate.to(f"/imports/{answer.data['id']}")


def _filter(shown: Screen, code: str, codes: Mapping[str, int]) -> None:
    action = f"{shown.prefix}/imports/{quote(shown.import_id)}/mend"
    with ui.element("form").props(f'method="get" action="{action}"').classes("filters"):
        with ui.element("label"):
            text("span", "Problem")
            with ui.element("select").props('name="code"'):
                text("option", "All").props('value=""')
                for name, count in codes.items():
                    chosen = " selected" if name == code else ""
                    text("option", f"{name.replace('_', ' ')} ({count:,})").props(f'value="{name}"{chosen}')
        text("button", "Show").props('type="submit"').classes("plain")


@app.get("/imports/{import_id}/rejected")
async def rejected(request: Request, import_id: str, code: str = "") -> Response:
    """Return the rejected rows as the grid takes them."""
    session = session_of(request)
    if session is None:
        return JSONResponse({"sentence": "Your session is over. Sign in again."}, 401)
    try:
        return JSONResponse(await _grid(session, import_id, code))
    except ApiError as error:
        return JSONResponse({"sentence": str(error)}, error.status or 503)


async def _grid(session: Session, import_id: str, code: str) -> dict[str, Any]:
    headers: dict[str, str] = {}
    rows: list[dict[str, Any]] = []
    corrected = session.corrections.get(import_id, {})
    for page in range(1, LARGEST_GRID // _PAGE_SIZE + 1):
        answer = await runtime().api.get(
            session.key, f"/v1/imports/{quote(import_id)}/errors", page=page, limit=_PAGE_SIZE, code=code
        )
        rows += [_row(entry, headers, corrected) for entry in answer.data]
        if len(answer.data) < _PAGE_SIZE:
            break
    return {"headers": list(headers), "rows": rows}


def _row(
    entry: Mapping[str, Any], headers: dict[str, str], corrected: Mapping[int, Mapping[str, str]]
) -> dict[str, Any]:
    """Return a row of the grid. Cells have short keys, because a header may hold any character."""
    line = entry["line"]
    for header in entry["row"]:
        headers.setdefault(header, f"c{len(headers)}")
    row = {
        **entry["row"],
        **{name: cell for name, cell in corrected.get(line, {}).items() if name in headers},
    }
    cells = {headers[header]: cell for header, cell in row.items()}
    touched = [headers[header] for header, cell in row.items() if cell != entry["row"].get(header)]
    problem = " ".join(dict.fromkeys(error["message"] for error in entry["errors"])) or entry["message"]
    if entry.get("raw"):
        problem = f"{problem} The line is: {entry['raw']}"
    bad = {headers[error["column"]] for error in entry["errors"] if error.get("column") in headers}
    marks = {"bad": sorted(bad.difference(touched)), "touched": touched, "mended": line in corrected}
    return {"line": line, "problem": problem, **marks, **cells}


@app.post("/imports/{import_id}/rejected")
async def correct(request: Request, import_id: str) -> Response:
    """Keep corrected rows in the session until the file is checked again."""
    session = session_of(request)
    if session is None:
        return JSONResponse({"sentence": "Your session is over. Sign in again."}, 401)
    if not session.allows("imports:write"):
        return JSONResponse({"sentence": "Your API key does not allow imports."}, 403)
    given = await _rows(request)
    if given is None:
        return JSONResponse({"sentence": "These are no rows."}, 400)
    kept = session.corrections.setdefault(import_id, {})
    if len(kept) + len(given) > LARGEST_GRID:
        return JSONResponse({"sentence": "Too many rows; check what you have first."}, 413)
    for line, cells in given.items():
        kept[line] = {**kept.get(line, {}), **cells}
    return JSONResponse({"mended": len(kept)})


async def _rows(request: Request) -> dict[int, dict[str, str]] | None:
    """Return the corrected rows of a request by their line, or None if it is anything else."""
    try:
        rows = (await request.json())["rows"]
        found = {int(one["line"]): one["row"] for one in rows}
    except (ValueError, TypeError, KeyError):
        return None
    texts = all(
        isinstance(row, dict) and all(isinstance(cell, str) for cell in row.values())
        for row in found.values()
    )
    return found if texts else None
