"""Checks the options and files of a command before it registers an import; wrong usage ends it with status 2."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from imports_pipeline.cli import standard_input
from imports_pipeline.cli.session import stop
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.options import Options
from imports_pipeline.settings import Settings
from imports_pipeline.sources.globs import is_glob, matches
from imports_pipeline.sources.import_options import options_of

if TYPE_CHECKING:
    from imports_pipeline.database.connections import Database

# Values of `known_file` that name none.
_NO_NAMES: Final = ("auto", "none")


def checked_options(resource: str, given: Mapping[str, Any], name: str | None = None) -> Options:
    """Return the options of an import; exit with 2 if one is invalid, whatever the file holds."""
    try:
        options = options_of(resource, given, name)
        _check_names(resource, options)
    except (ValueError, PermanentFailure) as error:
        stop(str(error), 2)
    return options


def _check_names(resource: str, options: Options) -> None:
    """Check that the fields, the encoding and the known file that options name exist.

    Raises:
        PermanentFailure: a field does not exist or is mapped twice, or the encoding cannot be read.
        ValueError: there is no such known file.
    """
    if options.column_mapping:
        from imports_pipeline.schemas.catalog import RESOURCES
        from imports_pipeline.schemas.column_mapping.explicit_mapping import mapped_fields

        mapped_fields(RESOURCES[resource], options.column_mapping)
    if options.encoding is not None:
        from imports_pipeline.reading.detection.encodings import find_encoding

        find_encoding(options.encoding, b"")
    if options.known_file not in _NO_NAMES:
        from imports_pipeline.schemas.column_mapping.known_files import recognition

        recognition.recognise((), recognition.known_files(Settings.read().known_files), options.known_file)


def check_sources(sources: Sequence[str], *, parts: bool = False) -> None:
    """Check that sources on this machine are files; exit with 2 if one is not, or if a pattern matches none.

    Objects of S3 are not looked up: their import reports what is wrong, as it does for other ways in.
    """
    from imports_pipeline.sources import fetching

    try:
        for source in sources:
            if source == standard_input.NAME or source.startswith("s3://"):
                continue
            if parts or is_pattern(source):
                matches(source)
            else:
                fetching.check_path(source)
    except PermanentFailure as failure:
        stop(failure.reason, 2)


def is_pattern(source: str) -> bool:
    """Return True if a source is a glob, and not the path of a file with ``*`` in its name."""
    return is_glob(source) and not os.path.exists(source)


def check_stored_names(database: Database, options: Options, organization: str) -> None:
    """Check that the saved mapping and the location of the options exist; exit with 2 if the organization has none."""
    if options.saved_mapping is None and options.location_id is None:
        return
    from imports_pipeline.import_phases.transforming import check_location
    from imports_pipeline.registry import saved_mappings
    from imports_pipeline.schemas.column_mapping.saved_mapping import ANY

    with database.connect() as connection:
        try:
            if options.saved_mapping not in (None, ANY):
                saved_mappings.find(connection, organization, options.saved_mapping)
            check_location(connection, organization, options.location_id)
        except (saved_mappings.NoSuchMapping, PermanentFailure) as error:
            stop(f"organization {organization}: {error}", 2)
