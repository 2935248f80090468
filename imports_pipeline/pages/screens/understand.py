"""Understand: how each column of the file was understood, with sample values and a choice of another field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from nicegui import events, ui

from imports_pipeline.pages.elements import Cell, section, table, text
from imports_pipeline.pages.screen import Screen, screen

_ROWS: Final = 5
#: Why a column is read as its field.
_HOW: Final = {
    "column_mapping": "chosen by a person",
    "name": "by its name",
    "alias": "by another name of the field",
    "known_file": "by the program that wrote the file",
    "words": "by the words of its name and its cells",
}


@screen("/imports/{import_id}/understand", "Columns")
async def understand(shown: Screen) -> None:
    """Show the columns, and check the file again with other fields."""
    import_ = await shown.import_()
    contents = (await shown.get(f"/v1/imports/{import_['id']}/rows", limit=_ROWS)).data
    resources = (await shown.get("/v1/resources")).data
    shown.heading(f"Columns: {import_['name'] or import_['id']}")
    fields = next(one["fields"] for one in resources if one["name"] == import_["resource"])
    labels = {field["name"]: field["label"] for field in fields}
    ignored = sum(column["ignored"] for column in contents["columns"])
    used = len(contents["columns"]) - ignored
    text("p", f"Columns of the file that are used: {used:,}. Not used: {ignored:,}.").classes("lead")
    ui.link("Back to the import", f"/imports/{shown.import_id}")
    if import_.get("saved_mapping") not in (None, "*"):
        _remembered(shown, import_)
    chosen: dict[int, str] = {}
    can_change = (
        shown.allows("imports:write") and import_["has_upload_file"] and import_["action"] != "revert"
    )
    table(
        "Columns of the file",
        ("Column", "First values", "Understood as"),
        [
            (
                column["header"] or f"column {column['position']}",
                "; ".join(str(value) for value in column["samples"] if value) or "(empty)",
                partial(_choice, column, labels, chosen) if can_change else _understood(column, labels),
            )
            for column in contents["columns"]
        ],
    )
    if can_change:
        _check_again(shown, import_, contents["columns"], chosen)
    _first_rows(contents["rows"], labels)


def _remembered(shown: Screen, import_: Mapping[str, Any]) -> None:
    """Show that the columns are understood as somebody remembered it, and a button to do without."""
    name = import_["saved_mapping"]
    with ui.element("div").classes("confirm").props('id="remembered"'):
        text(
            "p",
            f"The columns are understood as it was remembered under the name {name} for files with the same columns.",
        )

        async def forget() -> None:
            wanted: dict[str, Any] = {"rows": [], "column_mapping": {}}
            answer = await shown.post(f"/v1/imports/{quote(import_['id'])}/corrections", json=wanted)
            ui.navigate.to(f"/imports/{answer.data['id']}/understand")

        if shown.allows("imports:write") and import_["has_upload_file"]:
            shown.button(f"Check again without {name}", forget)


def _understood(column: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    if column["ignored"] or not column["field"]:
        return "not used"
    return labels.get(column["field"], column["field"])


def _choice(column: Mapping[str, Any], labels: Mapping[str, str], chosen: dict[int, str]) -> None:
    """Show the field of a column as a list to choose from."""
    header = (column["header"] or f"column {column['position']}").replace('"', "'").replace("\\", "")
    select = ui.element("select").props(f'aria-label="Field of the column {header}"')
    is_used = bool(column["field"]) and not column["ignored"]
    with select:
        text("option", "not used").props('value=""' + ("" if is_used else " selected"))
        for field in dict.fromkeys((*([column["field"]] if is_used else ()), *labels)):
            selected = " selected" if is_used and field == column["field"] else ""
            if "KEY" not in field:
                text("option", labels.get(field, field)).props(f'value="{field}"{selected}')

    def choose(event: events.GenericEventArguments) -> None:
        chosen[column["position"]] = str(event.args)

    select.on("change", choose, js_handler="(e) => emit(e.target.value)")
    if not is_used:
        text("div", "ignored: nothing of this column is imported").classes("hint")
    else:
        text("div", _HOW.get(column["how"], "")).classes("hint")


def _check_again(
    shown: Screen, import_: Mapping[str, Any], columns: list[dict[str, Any]], chosen: dict[int, str]
) -> None:
    with ui.element("div").classes("confirm"):
        with ui.element("label"):
            text("span", "Remember this for files with the same columns, under the name (optional):")
            field = ui.element("input").props('autocomplete="off" maxlength="60" id="save-as"')
        name = {"value": ""}
        field.on("input", lambda e: name.update(value=str(e.args)), js_handler="(e) => emit(e.target.value)")

        async def check() -> None:
            mapping = mapping_of(import_, columns, chosen)
            wanted: dict[str, Any] = {"rows": [], "column_mapping": mapping}
            if name["value"].strip():
                wanted["save_as"] = name["value"].strip()
            if not chosen and "save_as" not in wanted:
                shown.say("Choose another field for a column first.")
                return
            answer = await shown.post(f"/v1/imports/{quote(import_['id'])}/corrections", json=wanted)
            ui.navigate.to(f"/imports/{answer.data['id']}")

        shown.button("Check again with these fields", check)


def mapping_of(
    import_: Mapping[str, Any], columns: list[dict[str, Any]], chosen: Mapping[int, str]
) -> dict[str, str]:
    """Return the option ``column_mapping``, field to header, for what was given before and what was chosen now."""
    mapping: dict[str, str] = dict(import_.get("column_mapping") or {})
    for column in columns:
        field = chosen.get(column["position"])
        if field is None:
            continue
        mapping = {name: header for name, header in mapping.items() if header != column["header"]}
        # A name that begins with `_` leaves the column out.
        mapping[field or f"_{column['position']}"] = column["header"]
    return mapping


def _first_rows(rows: list[dict[str, Any]], labels: Mapping[str, str]) -> None:
    """Show the first rows as they were understood."""
    if not rows:
        return

    def values(row: Mapping[str, Any]) -> Callable[[], object]:
        def show() -> None:
            for name, value in (row["record"] or {}).items():
                text("div", f"{labels.get(name, name)}: {value}")
            if not row["record"]:
                text("div", "; ".join(cell for cell in row["cells"] if cell))
            for error in row["errors"]:
                text("div", f"Left out: {error['message']}")

        return show

    cells: list[list[Cell]] = [[f"{row['line']:,}", values(row)] for row in rows]
    with section("The first rows, as they were understood"):
        table("The first rows", ("Line", "Values"), cells)
