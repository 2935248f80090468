"""Finds the files that match a source such as ``s3://bucket/exports/part-*.csv``, and checks how old they are."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.option_values import seconds_of

#: The maximum number of parts. More matches are probably a mistake.
MOST_PARTS: Final = 10_000
_MAGIC: Final = re.compile(r"[*?[]")


def is_glob(source: str) -> bool:
    """Return True if a source contains ``*``, which is not usual in file names. ``?`` and ``[`` are."""
    return "*" in source


def matches(pattern: str) -> list[str]:
    """Return the sources that match the pattern, in natural order: ``part-2`` comes before ``part-10``.

    ``*`` and ``?`` do not match ``/``, and hidden files do not match. Raises ``PermanentFailure`` if no file matches,
    or more than ``MOST_PARTS``.
    """
    found = _objects(pattern) if pattern.startswith("s3://") else _paths(pattern)
    uris: list[str] = []
    for uri in found:
        uris.append(uri)
        if len(uris) > MOST_PARTS:
            raise PermanentFailure(
                "source_not_readable",
                f"More than {MOST_PARTS:,} files match {pattern}; use a narrower pattern.",
            )
    if not uris:
        raise PermanentFailure(
            "source_not_found", f"No file matches {pattern}; check the path and the pattern."
        )
    return sorted(uris, key=_natural)


def check_age(uri: str, max_age: str | None, now: float) -> None:
    """Raise ``PermanentFailure`` if the file at ``uri`` was last changed longer ago than ``max_age``.

    A file that does not exist passes this check; opening it raises an error.
    """
    if max_age is None:
        return
    modified = _modified(uri)
    if modified is None:
        return
    age = now - modified
    if age > seconds_of(max_age):
        raise PermanentFailure(
            "source_too_old",
            f"{uri} is {_shown(age)} old, and the option max_age allows {max_age}; find out why it was not written"
            " again.",
        )


def _natural(uri: str) -> list[tuple[int, int | str]]:
    pieces = re.split(r"(\d+)", uri)
    return [(0, int(piece)) if number % 2 else (1, piece) for number, piece in enumerate(pieces)]


def _paths(pattern: str) -> Iterator[str]:
    path = unquote(urlsplit(pattern).path) if pattern.startswith("file://") else pattern
    for found in glob.iglob(path):
        if os.path.isfile(found):
            yield str(Path(found).absolute())


def _objects(pattern: str) -> Iterator[str]:
    bucket, _, rest = pattern.removeprefix("s3://").partition("/")
    magic = _MAGIC.search(rest)
    prefix = rest[: magic.start()] if magic else rest
    names = rest.split("/")
    page: dict[str, Any] = {}
    while True:
        start = {"ContinuationToken": page["NextContinuationToken"]} if page else {}
        page = _call("list_objects_v2", f"s3://{bucket}/{prefix}", Bucket=bucket, Prefix=prefix, **start)
        for one in page.get("Contents", []):
            parts = one["Key"].split("/")
            if len(parts) == len(names) and all(map(_fits, parts, names)):
                yield f"s3://{bucket}/{one['Key']}"
        if not page.get("IsTruncated"):
            return


def _fits(name: str, pattern: str) -> bool:
    hidden = name.startswith(".") and not pattern.startswith(".")
    return not hidden and name != "" and fnmatch.fnmatchcase(name, pattern)


def _modified(uri: str) -> float | None:
    try:
        if uri.startswith("s3://"):
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            found = _call("head_object", uri, Bucket=bucket, Key=key)
            return float(found["LastModified"].timestamp())
        path = unquote(urlsplit(uri).path) if uri.startswith("file://") else uri
        return Path(path).stat().st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return None


def _call(method: str, place: str, **parameters: Any) -> dict[str, Any]:
    # Imported here because the S3 client takes half a second to load, and most sources are paths.
    from imports_pipeline.filestore import s3_client
    from imports_pipeline.filestore.stores import NoSuchBucket, StoreDenied

    try:
        return s3_client.client().call(method, **parameters)
    except NoSuchBucket as error:
        raise PermanentFailure("source_not_found", str(error)) from None
    except StoreDenied as error:
        raise PermanentFailure("source_not_readable", f"{place}: {error}") from None


def _shown(seconds: float) -> str:
    if seconds >= 2 * 86400:
        return f"{seconds / 86400:.0f} days"
    return f"{seconds / 3600:.0f} hours" if seconds >= 2 * 3600 else f"{seconds / 60:.0f} minutes"
