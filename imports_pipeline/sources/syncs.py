"""Reads ``syncs.yaml``: the named imports that schedules launch, and the upload folders in which files are expected.

An invalid entry becomes a ``Problem`` with its name and place. The other entries remain usable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import yaml

from imports_pipeline.database.connections import DEFAULT_ORGANIZATION
from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.option_values import InvalidOption, seconds_of, unknown_option
from imports_pipeline.model.options import Options, declarations
from imports_pipeline.model.suggestions import nearest
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.sources.dropped_file_options import is_organization
from imports_pipeline.sources.globs import is_glob
from imports_pipeline.sources.import_options import options_of

#: A placeholder in a source for the date of the scheduled time in the sync's timezone, such as 2026-11-23.
DATE: Final = "{date}"
#: The name of the schedule that reports problems of entries without a usable name.
RESERVED: Final = "problems"
_EVERY: Final = "expected_every"
#: The keys of an entry that are no options of the import: whether a key is required, and what it means.
FIELDS: Final[dict[str, tuple[bool, str]]] = {
    "name": (
        True,
        f"3 to 100 letters, digits and `_`, unique, and not `{RESERVED}`. The schedule is `sync_<name>`.",
    ),
    "resource": (True, "contact or group."),
    "source": (
        True,
        "A path, or a file:// or s3:// URI. With a `*`, all matching files are one import. {date} is the day of the"
        " launch.",
    ),
    "cron": (True, "The times of the launches: a cron expression of five fields, in quotes."),
    "timezone": (False, "The timezone of the cron expression, such as Europe/Berlin; the default is UTC."),
    "organization": (False, "The organization whose records the import changes; the default is `default`."),
    _EVERY: (False, "Such as 26h: an import that has not completed after this time is reported as late."),
}
_OWN: Final = tuple(FIELDS)
_NEEDED: Final = ("name", "resource", "source", "cron", "action")
# The keys of a file.
_LISTS: Final = ("syncs", "uploads")
_OF_UPLOADS: Final = ("organization", "resource", _EVERY)
# Seconds. Dagster has no freshness policy of a shorter time.
_SHORTEST: Final = 60
_NAME: Final = re.compile(r"[A-Za-z0-9_]{3,100}")


@dataclass(frozen=True)
class Sync:
    """A named import that a schedule launches."""

    name: str
    resource: str
    source: str
    cron: str
    timezone: str
    organization: str
    options: Options
    #: After this time without a completed import the sync is late.
    expected_every: timedelta | None = None

    def source_at(self, time: datetime) -> str:
        """Return the source for this time, with the placeholder for the date replaced."""
        return self.source.replace(DATE, time.astimezone(ZoneInfo(self.timezone)).date().isoformat())


@dataclass(frozen=True)
class ExpectedUpload:
    """An upload folder of an organization and resource. After ``expected_every`` without a file it is late."""

    organization: str
    resource: str
    expected_every: timedelta


@dataclass(frozen=True)
class Problem:
    """An error of an entry or of the file; ``name`` is the entry's name if it is valid and unique."""

    where: str
    reason: str
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


@dataclass(frozen=True)
class Syncs:
    """The contents of a file of syncs: the valid entries, and the problems of the others."""

    syncs: tuple[Sync, ...] = ()
    problems: tuple[Problem, ...] = ()
    uploads: tuple[ExpectedUpload, ...] = ()


def read(path: Path, cron_problem: Callable[[str, str], str | None]) -> Syncs:
    """Read a file of syncs.

    Args:
        cron_problem: returns the error of a cron expression and a timezone, or None if both are valid.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        return Syncs(problems=(Problem(str(path), f"cannot be read ({why}); see IMPORTS_SYNCS."),))
    return parse(text, str(path), cron_problem)


def parse(text: str, where: str, cron_problem: Callable[[str, str], str | None]) -> Syncs:
    """Parse the text of a file: a list of syncs, or the keys ``syncs:`` and ``uploads:`` with a list each."""
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        place = getattr(error, "problem_mark", None)
        line = f" (line {place.line + 1})" if place is not None else ""
        return Syncs(
            problems=(Problem(where, f"is not valid YAML{line}; examples/syncs.yaml is an example."),)
        )
    problems: list[Problem] = []
    if isinstance(found, Mapping) and any(key in _LISTS or nearest(str(key), _LISTS) for key in found):
        # The lists below the other keys remain usable.
        problems += [Problem(where, _unknown_key(str(key))) for key in found if key not in _LISTS]
        entries, folders = (found.get(key) for key in _LISTS)
    else:
        entries, folders = found, None
    if not isinstance(entries, list | None):
        problems.append(Problem(where, "contains no list of syncs; begin it with `syncs:`."))
        entries = None
    if not isinstance(folders, list | None):
        problems.append(Problem(where, "contains no list of upload folders below `uploads:`."))
        folders = None
    of_syncs = of_entries(entries or [], cron_problem)
    expected, of_folders = expected_uploads(folders or [])
    return Syncs(of_syncs.syncs, (*problems, *of_syncs.problems, *of_folders), expected)


def _unknown_key(key: str) -> str:
    meant = nearest(key, _LISTS)
    known = " and ".join(f"`{one}:`" for one in _LISTS)
    return f"unknown key {key!r}; " + (f"{meant!r} is probably meant." if meant else f"the file has {known}.")


def expected_uploads(entries: Sequence[object]) -> tuple[tuple[ExpectedUpload, ...], list[Problem]]:
    """Return the upload folders of a list of entries, and the problems of the entries that are invalid."""
    problems: list[Problem] = []
    uploads: dict[tuple[str, str], ExpectedUpload] = {}
    for number, entry in enumerate(entries, 1):
        try:
            upload = _upload(entry)
            if (key := (upload.organization, upload.resource)) in uploads:
                raise InvalidOption(
                    f"an earlier entry has {upload.resource} of {upload.organization} already"
                )
            uploads[key] = upload
        except InvalidOption as error:
            problems.append(Problem(f"uploads {number}", f"{error}."))
    return tuple(uploads.values()), problems


def _upload(entry: object) -> ExpectedUpload:
    if not isinstance(entry, Mapping) or set(entry) != set(_OF_UPLOADS):
        raise InvalidOption(f"takes {', '.join(_OF_UPLOADS)}, one `name: value` on each line")
    given = {key: _text(key, entry[key]) for key in _OF_UPLOADS}
    if given["resource"] not in RESOURCES:
        raise InvalidOption(f"resource: {given['resource']!r} is not one of {', '.join(RESOURCES)}")
    if not is_organization(given["organization"]):
        raise InvalidOption(f"organization: {given['organization']!r} cannot be the name of an upload folder")
    return ExpectedUpload(given["organization"], given["resource"], _expected_every(given[_EVERY]))


def _expected_every(text: str) -> timedelta:
    seconds = seconds_of(text, _EVERY)
    if seconds < _SHORTEST:
        raise InvalidOption(f"{_EVERY}: takes at least {_SHORTEST} s, not {text!r}")
    return timedelta(seconds=seconds)


def of_entries(entries: Sequence[object], cron_problem: Callable[[str, str], str | None]) -> Syncs:
    """Return the syncs of a list of entries, and the problems of the entries that are invalid."""
    syncs: dict[str, Sync] = {}
    problems: list[Problem] = []
    for number, entry in enumerate(entries, 1):
        name = _name(entry)
        place = f"sync {name or number}"
        taken = {sync.lower() for sync in (*syncs, *(p.name for p in problems if p.name))}
        try:
            if name is not None and name.lower() in taken:
                name = None
                raise InvalidOption(f"entry {number} has the name of an earlier entry; give it another name")
            sync = _sync(entry, cron_problem)
            syncs[sync.name] = sync
        except InvalidOption as error:
            problems.append(Problem(place, f"{error}.", name))
    return Syncs(tuple(syncs.values()), tuple(problems))


def _name(entry: object) -> str | None:
    """Return the entry's name if a schedule can have this name, or None."""
    name = entry.get("name") if isinstance(entry, Mapping) else None
    return name if isinstance(name, str) and is_sync_name(name) else None


def is_sync_name(name: str) -> bool:
    """Return True if a sync can have this name, which is part of the name of its schedule."""
    return _NAME.fullmatch(name) is not None and name != RESERVED


def _sync(entry: object, cron_problem: Callable[[str, str], str | None]) -> Sync:
    if not isinstance(entry, Mapping) or not all(isinstance(key, str) for key in entry):
        raise InvalidOption(f"takes {', '.join(_NEEDED)} and options, one `name: value` on each line")
    known = {*_OWN, *declarations()}
    for key in _NEEDED:
        if entry.get(key) is None:
            similar = nearest(key, set(entry) - known)
            raise InvalidOption(
                f"{key} is missing" + (f"; {similar!r} is probably meant for it" if similar else "")
            )
    given = {key: value for key, value in entry.items() if value is not None}
    if unknown := sorted(set(given) - known):
        raise unknown_option(unknown[0], known)
    about = {key: _text(key, given.pop(key, "")) for key in _OWN}
    if _name(entry) is None:
        raise InvalidOption(
            f"name: takes 3 to 100 letters, digits and `_`, and not {RESERVED!r}; not {about['name']!r}"
        )
    if about["resource"] not in RESOURCES:
        raise InvalidOption(f"resource: {about['resource']!r} is not one of {', '.join(RESOURCES)}")
    timezone = about["timezone"] or "UTC"
    if problem := cron_problem(about["cron"], timezone):
        raise InvalidOption(problem)
    if given["action"] == Action.REVERT:
        raise InvalidOption("action: a sync cannot be a revert")
    options = options_of(about["resource"], {"parts": is_glob(about["source"]), **given}, about["name"])
    return Sync(
        about["name"],
        about["resource"],
        about["source"],
        about["cron"],
        timezone,
        about["organization"] or DEFAULT_ORGANIZATION,
        options,
        _expected_every(about[_EVERY]) if about[_EVERY] else None,
    )


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidOption(f"{key}: takes a text, not {value!r}; put it in quotes")
    return value.strip()
