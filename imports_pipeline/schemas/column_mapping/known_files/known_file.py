"""A known file: what one product's export looks like, read from the YAML file that is named after it.

============== =========================================================================================================
key            what it holds
============== =========================================================================================================
product        the product's name
export         how the file is made there
sources        where each statement comes from: a list of ``what``, ``where`` and ``date``
unsourced      what no source says: a list of texts
signature      sets of headers; a file that has all headers of one set is this known file
columns        header → what its cells are (``presets.Preset.columns``)
templates      field → template of headers
separators     header, kind or list field → the texts between several values of one cell
dropped        header or list field → regular expressions of items that are left out
continued_rows whether a row that fills in only columns of lists continues the row above: ``true`` or ``false``
defaults       ``bad_cells``, ``missing_groups`` and ``missing_name`` where the caller gives none
============== =========================================================================================================

``product`` and ``signature`` are required. The name of a known file is its file's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import yaml

from imports_pipeline.schemas.catalog import CONTACT
from imports_pipeline.schemas.column_mapping.data_files import parse_yaml
from imports_pipeline.schemas.column_mapping.headers.aliases import normalise
from imports_pipeline.schemas.column_mapping.headers.meanings import Meaning
from imports_pipeline.schemas.column_mapping.known_files.presets import Preset

_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# Values that the option ``known_file`` has beside names.
_RESERVED: Final = frozenset({"auto", "none"})
_KEYS: Final = frozenset(
    {"product", "export", "sources", "unsourced", "signature"}
    | {"columns", "templates", "separators", "dropped", "continued_rows", "defaults"}
)
# Option → the values that a known file may give to it.
_DEFAULTS: Final[Mapping[str, tuple[str, ...]]] = {
    "bad_cells": ("reject", "leave_out"),
    "missing_groups": ("reject", "create"),
    "missing_name": ("reject", "email"),
}
# A signature of one header would fit files of other kinds.
_FEWEST_HEADERS: Final = 2


class InvalidKnownFile(ValueError):
    """A file that describes a known file has a fault; the text says which one and what is allowed."""


@dataclass(frozen=True)
class Evidence:
    """Where a statement about a product's files comes from, and of which date or version it is."""

    what: str
    where: str
    date: str = ""


@dataclass(frozen=True)
class KnownFile:
    """What is known about one product's export.

    Attributes:
        name: The name that the option ``known_file`` takes.
        product: The product's name.
        headers: The sets of headers by which a file is recognised, as the product writes them.
        preset: What is known about columns.
        export: How the file is made in the product.
        defaults: Option → value, where the caller gives none.
        sources: Where the statements come from.
        unsourced: What no source says.
    """

    name: str
    product: str
    headers: tuple[tuple[str, ...], ...]
    preset: Preset
    export: str = ""
    defaults: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[Evidence, ...] = ()
    unsourced: tuple[str, ...] = ()

    @cached_property
    def signatures(self) -> tuple[frozenset[str], ...]:
        """The sets of headers, normalised."""
        return tuple(frozenset(map(normalise, headers)) for headers in self.headers)

    @classmethod
    def read(cls, name: str, text: str) -> KnownFile:
        """Return the known file that a YAML text describes.

        Args:
            name: The file's name without ``.yaml``.
            text: What the file holds.

        Raises:
            InvalidKnownFile: the name or the text has a fault.
        """
        if not _NAME.fullmatch(name) or name in _RESERVED:
            raise InvalidKnownFile(
                f"{name!r} is no name for a known file; use small letters, digits and dashes, and not auto or none"
            )
        try:
            given = parse_yaml(text)
        except yaml.YAMLError as error:
            raise InvalidKnownFile(f"known file {name}: the YAML cannot be read: {error}") from None
        return _known_file(name, given)


def _known_file(name: str, given: Any) -> KnownFile:
    if not isinstance(given, Mapping):
        raise InvalidKnownFile(f"known file {name}: it must be a mapping with product, signature and columns")
    if unknown := sorted(str(key) for key in given if key not in _KEYS):
        raise InvalidKnownFile(
            f"known file {name}: unknown key {unknown[0]!r}; keys are {', '.join(sorted(_KEYS))}"
        )
    if missing := [key for key in ("product", "signature") if not given.get(key)]:
        raise InvalidKnownFile(f"known file {name}: {missing[0]} is missing")
    return KnownFile(
        name,
        str(given["product"]),
        _headers(name, given["signature"]),
        _preset(name, given),
        str(given.get("export", "")),
        _defaults(name, given),
        tuple(_evidence(name, one) for one in given.get("sources") or ()),
        tuple(str(text) for text in given.get("unsourced") or ()),
    )


def _headers(name: str, given: Any) -> tuple[tuple[str, ...], ...]:
    sets = given if isinstance(given, list) else []
    found = [
        tuple(str(header) for header in headers) if isinstance(headers, list) else () for headers in sets
    ]
    if not found or any(len(set(map(normalise, headers)) - {""}) < _FEWEST_HEADERS for headers in found):
        raise InvalidKnownFile(
            f"known file {name}: a signature is a list of lists of headers, at least two headers in each"
        )
    return tuple(found)


def _preset(name: str, given: Mapping[str, Any]) -> Preset:
    columns = {str(header): str(says) for header, says in _mapping(name, given, "columns").items()}
    for header, says in columns.items():
        try:
            if CONTACT.find(says) is None:
                Meaning.of(says.replace("#N", "#1"))
        except ValueError:
            raise InvalidKnownFile(
                f"known file {name}: {header!r} is said to be {says!r}, which is neither a field of a contact nor a"
                " meaning such as phone.mobile, address.home.city or ignored"
            ) from None
    dropped = _lists(name, given, "dropped")
    for patterns in dropped.values():
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise InvalidKnownFile(
                    f"known file {name}: {pattern!r} is no regular expression: {error}"
                ) from None
    templates = {str(of): str(template) for of, template in _mapping(name, given, "templates").items()}
    if wrong := [of for of in templates if CONTACT.find(of) is None]:
        raise InvalidKnownFile(
            f"known file {name}: a template is given for {wrong[0]!r}, which is no field of a contact"
        )
    continued = given.get("continued_rows", False)
    if not isinstance(continued, bool):
        raise InvalidKnownFile(f"known file {name}: continued_rows is true or false, not {continued!r}")
    return Preset(name, columns, templates, _lists(name, given, "separators"), dropped, continued)


def _mapping(name: str, given: Mapping[str, Any], key: str) -> Mapping[Any, Any]:
    found = given.get(key) or {}
    if not isinstance(found, Mapping):
        raise InvalidKnownFile(f"known file {name}: {key} must be a mapping")
    return found


def _lists(name: str, given: Mapping[str, Any], key: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for of, texts in _mapping(name, given, key).items():
        several: Sequence[Any] = texts if isinstance(texts, list) else [texts]
        found[str(of)] = tuple(str(text) for text in several)
        if "" in found[str(of)]:
            raise InvalidKnownFile(f"known file {name}: {key} of {of!r} has an empty text")
    return found


def _defaults(name: str, given: Mapping[str, Any]) -> dict[str, str]:
    defaults = {str(option): str(value) for option, value in _mapping(name, given, "defaults").items()}
    for option, value in defaults.items():
        if option not in _DEFAULTS:
            raise InvalidKnownFile(
                f"known file {name}: no default for {option!r}; defaults are {', '.join(_DEFAULTS)}"
            )
        if value not in _DEFAULTS[option]:
            raise InvalidKnownFile(
                f"known file {name}: {option} is {' or '.join(_DEFAULTS[option])}, not {value!r}"
            )
    return defaults


def _evidence(name: str, given: Any) -> Evidence:
    if (
        not isinstance(given, Mapping)
        or not given.keys() <= {"what", "where", "date"}
        or "where" not in given
    ):
        raise InvalidKnownFile(f"known file {name}: each of the sources has what, where and date")
    return Evidence(str(given.get("what", "")), str(given["where"]), str(given.get("date", "")))
