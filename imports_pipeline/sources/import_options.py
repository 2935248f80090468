"""Checks the options of an import in the same way for every way in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imports_pipeline.model.import_names import NAME_LENGTHS
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.options import Options
from imports_pipeline.schemas.catalog import RESOURCES


def options_of(resource: str, given: Mapping[str, Any], name: str | None = None) -> Options:
    """Check the options of an import of this resource, and its name. Raises ``InvalidOption``."""
    options = Options.of(given)
    for key in options.match_on:
        try:
            RESOURCES[resource].key(key)
        except KeyError as error:
            raise InvalidOption(f"match_on: {error.args[0]}") from None
    if name is not None and len(name) not in NAME_LENGTHS:
        raise InvalidOption("name: takes 3 to 127 characters")
    return options
