"""What a dropped file asks for: its key says for whom and what, the YAML file beside it how. Knows no Dagster.

``uploads/<organization>/<resource>/<action>/…/<name>``, and its options in ``<name>.yaml`` beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.options import Action, Mode, Options
from imports_pipeline.model.printable import printable
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.sources import import_options

#: Nothing outside this folder of the store is ever looked at.
FOLDER: Final = "uploads"
#: Below the folder of an action: what was imported, and what could not be.
DONE: Final = "done"
FAILED: Final = "failed"
EXTENSIONS: Final = (".csv", ".tsv", ".txt", ".gz", ".zip", ".xlsx")
OPTIONS_EXTENSION: Final = ".yaml"
#: An options file longer than this is no options file.
OPTIONS_BYTES: Final = 64 * 1024
_ACTIONS: Final = tuple(action.value for action in Action if action is not Action.REVERT)
# How tools name what they are still writing, and what they leave beside files.
_UNFINISHED: Final = (".part", ".partial", ".tmp", ".crdownload", ".filepart", ".swp", "~")
_ORGANIZATION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_NAMES: Final = range(3, 128)


@dataclass(frozen=True)
class DropPath:
    """For whom, of what and to do what a file was dropped."""

    key: str
    organization_id: str
    resource: str
    action: str

    @property
    def folder(self) -> str:
        """The folder of the action."""
        return f"{FOLDER}/{self.organization_id}/{self.resource}/{self.action}"

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.key.rpartition("/")[2]

    def target(self, import_id: str, *, completed: bool) -> str:
        """Return the key that the file gets once its import has ended."""
        return f"{self.folder}/{DONE if completed else FAILED}/{import_id}/{self.name}"


class Refused(ValueError):
    """A file is where none is imported from; the message says what to do."""


def is_left_alone(key: str) -> bool:
    """Return whether a file is none of ours, without a word: hidden, unfinished, or the options of another."""
    names = key.split("/")
    return (
        any(name.startswith((".", "~$")) for name in names)
        or names[-1].lower().endswith(_UNFINISHED)
        or names[-1].endswith(OPTIONS_EXTENSION)
    )


def ended_folder(key: str) -> str | None:
    """Return the folder of ended imports that the key lies in, if it does."""
    names = key.split("/")
    return "/".join(names[:5]) if len(names) > 5 and names[4] in (DONE, FAILED) else None


def parse_key(key: str) -> DropPath:
    """Read a key below ``uploads/``. Raises ``Refused``."""
    names = key.split("/")
    if names[0] != FOLDER or len(names) < 5:
        raise Refused(
            "It is in no folder of an action: put it into uploads/<organization>/<resource>/<action>/."
        )
    _, organization, resource, action = names[:4]
    if not _ORGANIZATION.fullmatch(organization):
        raise Refused(
            f"{organization!r} is no organization: up to 64 letters, digits, `_`, `.` and `-`,"
            " a letter or digit first."
        )
    if resource not in RESOURCES:
        raise Refused(f"There is no resource {resource!r}: name the folder {' or '.join(RESOURCES)}.")
    if action not in _ACTIONS:
        raise Refused(f"There is no action {action!r}: name the folder {', '.join(_ACTIONS)}.")
    if not names[-1].lower().endswith(EXTENSIONS):
        raise Refused(f"Files with this ending are not imported: it must be one of {', '.join(EXTENSIONS)}.")
    return DropPath(key, organization, resource, action)


def options_of(drop: DropPath, text: bytes | None, mode: Mode) -> tuple[Options, str | None]:
    """Return the options and the name of the import: those of the YAML ``text``, and ``mode`` where it has none.

    Raises ``InvalidOption`` with a sentence that names the options file.
    """
    given = _read(text) if text is not None else {}
    file = f"{printable(drop.name)}{OPTIONS_EXTENSION}"
    name = given.pop("name", None)
    for key, said in (("resource", drop.resource), ("action", drop.action)):
        if given.pop(key, said) != said:
            raise InvalidOption(
                f"{file}: {key} is said by the folder ({said}); put the file into another folder"
            )
    if given.get("parts"):
        raise InvalidOption(
            f"{file}: a dropped file is one file; parts is for sources that are named by a glob"
        )
    if name is not None and not isinstance(name, str):
        raise InvalidOption(f"{file}: name takes 3 to 127 characters, not {name!r}")
    try:
        options = import_options.options_of(
            drop.resource, {"mode": mode.value, **given, "action": drop.action}, name
        )
    except InvalidOption as error:
        raise InvalidOption(f"{file}: {error}") from None
    return options, name if name is not None else _name(drop)


def default_options(drop: DropPath) -> Options:
    """Return the options of an import whose own cannot be used."""
    return Options.of({"action": drop.action})


def _name(drop: DropPath) -> str | None:
    name = printable(drop.name)
    return name if len(name) in _NAMES else None


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases: some lines of them unfold to gigabytes as soon as a value is shown."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not taken")
        return super().compose_node(parent, index)


def _read(text: bytes) -> dict[str, Any]:
    if len(text) > OPTIONS_BYTES:
        raise InvalidOption(f"The options file is longer than {OPTIONS_BYTES:,} bytes; give options only")
    try:
        read = yaml.load(text, _PlainLoader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        place = getattr(error, "problem_mark", None)
        where = f" (line {place.line + 1})" if place is not None else ""
        raise InvalidOption(f"The options file is no YAML{where}; write one `option: value` a line") from None
    if read is None:
        return {}
    if not isinstance(read, Mapping) or not all(isinstance(key, str) for key in read):
        raise InvalidOption("The options file holds no options; write one `option: value` a line")
    return dict(read)
