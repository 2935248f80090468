"""Send: choose a file and what to do with it. The file is checked first; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nicegui import ui

from imports_pipeline.pages import wording
from imports_pipeline.pages.elements import text
from imports_pipeline.pages.runtime import runtime
from imports_pipeline.pages.screen import Screen, screen

_EXPLAINED: Final = {
    "merge": "Rows become new records or change those that they match. Nothing is removed.",
    "overwrite": "The file is the whole list: records that it does not name are removed.",
    "delete": "Each row removes the record that it matches.",
}
#: Hints in place of the descriptions of options, where these speak of commands.
_HINTS: Final = {
    "saved_mapping": "The name under which columns were remembered. Without it: the newest one for the columns of the"
    " file, if there is one.",
}
#: The options that a person at a page may want, in this order. Ceilings for removals are left to approvers.
_OPTIONS: Final = (
    "match_on",
    "duplicate_handling",
    "blank_cells",
    "bad_cells",
    "missing_groups",
    "default_region",
    "unknown_columns",
    "known_file",
    "saved_mapping",
    "sheet",
    "encoding",
    "delimiter",
    "max_errors",
)


@screen("/send", "Send")
async def send(shown: Screen) -> None:
    """Show the form; ``send.js`` sends it and shows the progress."""
    shown.heading("Send a file")
    if not shown.allows("imports:write"):
        shown.say("Your API key does not allow imports. Sign in with a key that has the scope imports:write.")
        return
    resources = (await shown.get("/v1/resources")).data
    ui.add_head_html(f'<script src="{shown.prefix}/static/send.js" defer></script>')
    with ui.element("form").props(
        f'id="send" novalidate data-small-bytes="{runtime().settings.small_bytes}"'
    ):
        with ui.element("div").classes("drop").props('id="drop"'):
            text("label", "The file: CSV, Excel or a list exported from another program").props('for="file"')
            ui.element("input").props('type="file" id="file" name="file" required')
            text("p", "You can also drop it here.").classes("hint")
        _choices(
            "resource", "What is in it?", [(one["name"], one["plural"].capitalize(), "") for one in resources]
        )
        _choices(
            "action",
            "What should be done?",
            [(value, words, _EXPLAINED[value]) for value, words in wording.ACTIONS.items()],
        )
        _options({option["name"]: option for option in resources[0]["options"]})
        text("button", "Check the file").props('type="submit" id="check"').classes("primary")
        text("p", "Nothing is written yet: you will see first what would be done.").classes("hint")
        ui.element("progress").props('id="progress" max="100" value="0" hidden aria-label="Upload"')
        ui.element("p").props('id="doing" role="status"')


def _choices(name: str, question: str, choices: list[tuple[str, str, str]]) -> None:
    with ui.element("fieldset"):
        text("legend", question)
        for number, (value, words, explained) in enumerate(choices):
            checked = " checked" if number == 0 else ""
            with ui.element("label").classes("choice"):
                ui.element("input").props(f'type="radio" name="{name}" value="{value}"{checked}')
                text("span", words)
                if explained:
                    text("span", explained).classes("hint")


def _options(options: Mapping[str, Mapping[str, Any]]) -> None:
    """Show the options, folded away."""
    with ui.element("details"):
        text("summary", "Options")
        for name in _OPTIONS:
            option = options.get(name)
            if option is None:
                continue
            with ui.element("label").classes("option"):
                text("span", name.replace("_", " ").capitalize())
                if option.get("choices"):
                    with ui.element("select").props(f'name="{name}"'):
                        usual = str(option["default"]).replace("_", " ")
                        text("option", f"As usual ({usual})").props('value=""')
                        for choice in option["choices"]:
                            text("option", str(choice).replace("_", " ")).props(f'value="{choice}"')
                else:
                    ui.element("input").props(f'name="{name}" autocomplete="off"')
                text("span", _HINTS.get(name, option["description"])).classes("hint")
