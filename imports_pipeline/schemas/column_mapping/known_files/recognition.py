"""Recognition: which known file a header is, by the signatures of all known files.

A file is recognised by the headers that it has, never by their order, case or number, nor by its cells. The known file
with the largest matching signature counts; two different ones with equally large signatures are a doubt, and then the
file is none of them. A file that is none of them may be the export of another product (``other_exports.py``).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from imports_pipeline.schemas.column_mapping.headers.aliases import normalise
from imports_pipeline.schemas.column_mapping.known_files.known_file import InvalidKnownFile, KnownFile
from imports_pipeline.schemas.column_mapping.known_files.other_exports import OTHER_EXPORT, is_other_export

AUTO: Final = "auto"
NONE: Final = "none"
_SUFFIX: Final = ".yaml"


class UnknownKnownFile(ValueError):
    """The option ``known_file`` names none of the known files."""


def known_files(folder: Path | None = None) -> Mapping[str, KnownFile]:
    """Return all known files by name: those of this package, and those of a folder, which replace them by name.

    Args:
        folder: The user's own known files (``IMPORTS_KNOWN_FILES``), YAML files of the form that ``known_file``
            describes.

    Raises:
        InvalidKnownFile: a file of the folder has a fault, or there is no such folder.
    """
    return _own() if folder is None else {**_own(), **_of_folder(folder)}


def recognise(header: Sequence[str], known: Mapping[str, KnownFile], wanted: str = AUTO) -> KnownFile | None:
    """Return the known file that a header is, or nothing.

    Args:
        header: The headers as they are written.
        known: All known files by name.
        wanted: ``auto``, ``none``, or the name of the known file that the file is taken for whatever its header is.

    Raises:
        UnknownKnownFile: ``wanted`` is the name of no known file.
    """
    if wanted == NONE:
        return None
    if wanted != AUTO:
        if wanted not in known:
            close = difflib.get_close_matches(wanted, known, n=1)
            hint = f"perhaps {close[0]!r} is meant" if close else f"known are {', '.join(sorted(known))}"
            raise UnknownKnownFile(f"known_file names {wanted!r}, which is no known file; {hint}")
        return known[wanted]
    headers = {normalise(text) for text in header}
    largest, best = 0, []
    for one in known.values():
        size = max((len(signature) for signature in one.signatures if signature <= headers), default=0)
        if size > largest:
            largest, best = size, [one]
        elif size and size == largest:
            best.append(one)
    if len(best) == 1:
        return best[0]
    other = known.get(OTHER_EXPORT.name)
    return other if other is not None and is_other_export(header) else None


@cache
def _own() -> Mapping[str, KnownFile]:
    folder = files("imports_pipeline.schemas.column_mapping") / "known_files"
    found = [file for file in folder.iterdir() if file.name.endswith(_SUFFIX)]
    return {
        OTHER_EXPORT.name: OTHER_EXPORT,
    } | {
        (name := file.name.removesuffix(_SUFFIX)): KnownFile.read(name, file.read_text(encoding="utf-8"))
        for file in sorted(found, key=lambda file: file.name)
    }


def _of_folder(folder: Path) -> Mapping[str, KnownFile]:
    if not folder.is_dir():
        raise InvalidKnownFile(f"IMPORTS_KNOWN_FILES names {str(folder)!r}, which is no folder")
    found: dict[str, KnownFile] = {}
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise InvalidKnownFile(f"known file {path} cannot be read: {error}") from None
        found[path.stem] = KnownFile.read(path.stem, text)
    return found
