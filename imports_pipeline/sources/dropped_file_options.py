"""Reads what to do with a dropped file from its key and from the YAML file beside it.

The key is ``uploads/<organization>/<resource>/<action>/…/<name>``. The file ``<name>.yaml`` beside it may hold options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from imports_pipeline.model.import_names import name_of_file
from imports_pipeline.model.option_choices import Action, Mode
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.options import Options
from imports_pipeline.model.printable import printable
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.sources import import_options

#: The only folder of the file store that is watched.
FOLDER: Final = "uploads"
#: The folders below that of an action for files that were imported, and for files that could not be.
DONE: Final = "done"
FAILED: Final = "failed"
EXTENSIONS: Final = (".csv", ".tsv", ".txt", ".gz", ".zip", ".xlsx")
OPTIONS_EXTENSION: Final = ".yaml"
#: The maximum size of an options file.
OPTIONS_BYTES: Final = 64 * 1024
_ACTIONS: Final = tuple(action.value for action in Action if action is not Action.REVERT)
# The endings that tools give to files that they are still writing, and to backup and swap files.
_UNFINISHED: Final = (".part", ".partial", ".tmp", ".crdownload", ".filepart", ".swp", "~")
_ORGANIZATION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class DropPath:
    """The key of a dropped file, with the organization, resource and action that it names."""

    key: str
    organization_id: str
    resource: str
    action: str

    @property
    def folder(self) -> str:
        """The folder of the organization, resource and action."""
        return _folder(self.organization_id, self.resource, self.action)

    @property
    def name(self) -> str:
        """The file name, which is the last part of the key."""
        return self.key.rpartition("/")[2]

    def target(self, import_id: str, *, completed: bool) -> str:
        """Return the key to which the file is moved when its import has ended."""
        folder = ended_folder_of(
            self.organization_id, self.resource, self.action, import_id, completed=completed
        )
        return f"{folder}/{self.name}"


class Refused(ValueError):
    """A file was dropped where no files are imported from; the message says what to do."""


def is_left_alone(key: str) -> bool:
    """Return True for a file that is ignored silently: hidden, unfinished, or an options file."""
    names = key.split("/")
    return (
        any(name.startswith((".", "~$")) for name in names)
        or names[-1].lower().endswith(_UNFINISHED)
        or names[-1].endswith(OPTIONS_EXTENSION)
    )


def ended_folder(key: str) -> str | None:
    """Return the ``done`` or ``failed`` folder that contains the key, or None."""
    names = key.split("/")
    return "/".join(names[:5]) if len(names) > 5 and names[4] in (DONE, FAILED) else None


def ended_folder_of(
    organization_id: str, resource: str, action: str, import_id: str, *, completed: bool
) -> str:
    """Return the folder to which the file of an ended import and its results are moved."""
    return f"{_folder(organization_id, resource, action)}/{DONE if completed else FAILED}/{import_id}"


def _folder(organization_id: str, resource: str, action: str) -> str:
    return f"{FOLDER}/{organization_id}/{resource}/{action}"


def is_organization(name: str) -> bool:
    """Return True if the upload folder of an organization can have this name."""
    return _ORGANIZATION.fullmatch(name) is not None


def parse_key(key: str) -> DropPath:
    """Parse a key below ``uploads/``. Raises ``Refused`` if no file is imported from there."""
    names = key.split("/")
    if names[0] != FOLDER or len(names) < 5:
        raise Refused(
            "It is not in the folder of an action: put it into uploads/<organization>/<resource>/<action>/."
        )
    _, organization, resource, action = names[:4]
    if not is_organization(organization):
        raise Refused(
            f"{organization!r} is not an organization: use up to 64 letters, digits, `_`, `.` and `-`, and begin"
            " with a letter or digit."
        )
    if resource not in RESOURCES:
        raise Refused(f"There is no resource {resource!r}: name the folder {' or '.join(RESOURCES)}.")
    if action not in _ACTIONS:
        raise Refused(f"There is no action {action!r}: name the folder {', '.join(_ACTIONS)}.")
    if not names[-1].lower().endswith(EXTENSIONS):
        raise Refused(
            f"Files with this ending are not imported: the ending must be one of {', '.join(EXTENSIONS)}."
        )
    return DropPath(key, organization, resource, action)


def options_of(drop: DropPath, text: bytes | None, mode: Mode) -> tuple[Options, str | None]:
    """Return the options and the name of the import from the YAML ``text``; ``mode`` is the default of that option.

    Raises ``InvalidOption`` with a message that names the options file.
    """
    given = _read(text) if text is not None else {}
    file = f"{printable(drop.name)}{OPTIONS_EXTENSION}"
    name = given.pop("name", None)
    for key, said in (("resource", drop.resource), ("action", drop.action)):
        if given.pop(key, said) != said:
            raise InvalidOption(
                f"{file}: {key} is given by the folder ({said}); to change it, put the file into another folder"
            )
    if given.get("parts"):
        raise InvalidOption(
            f"{file}: a dropped file is one file; the option parts is for sources that are given as a glob"
        )
    if name is not None and not isinstance(name, str):
        raise InvalidOption(f"{file}: name takes 3 to 127 characters, not {name!r}")
    try:
        options = import_options.options_of(
            drop.resource, {"mode": mode.value, **given, "action": drop.action}, name
        )
    except InvalidOption as error:
        raise InvalidOption(f"{file}: {error}") from None
    return options, name if name is not None else name_of_file(drop.name)


def default_options(drop: DropPath) -> Options:
    """Return the options of an import whose options file is invalid."""
    return Options.of({"action": drop.action})


class _PlainLoader(yaml.SafeLoader):
    """A YAML loader without aliases: a few lines of aliases can expand to gigabytes when a value is printed."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        return super().compose_node(parent, index)


def _read(text: bytes) -> dict[str, Any]:
    if len(text) > OPTIONS_BYTES:
        raise InvalidOption(f"The options file is longer than {OPTIONS_BYTES:,} bytes; give options only")
    try:
        read = yaml.load(text, _PlainLoader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        place = getattr(error, "problem_mark", None)
        where = f" (line {place.line + 1})" if place is not None else ""
        raise InvalidOption(
            f"The options file is not valid YAML{where}; write one `option: value` on each line"
        ) from None
    if read is None:
        return {}
    if not isinstance(read, Mapping) or not all(isinstance(key, str) for key in read):
        raise InvalidOption("The options file holds no options; write one `option: value` on each line")
    return dict(read)
