"""How an option is declared: its type, default, description and bounds, for every way in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin


class Group(StrEnum):
    """The subject of an option. The command line and the reference table show options under these titles."""

    ROWS = "What the rows mean"
    READING = "How the file is read"
    GUARDS = "What may be changed"
    SOURCE = "Where the file is"
    RUN = "How the import runs"


@dataclass(frozen=True)
class Declaration:
    """The declaration of one option, from which all ways in describe it.

    ``hint`` is the type annotation of the field of ``Options``. ``minimum`` and ``maximum`` bound numbers.
    ``of_a_file`` is true for options that a batch of JSON items does not have. ``otherwise`` is the value that holds
    where neither the caller nor what is known about the file gives one; the default is ``None`` then.
    """

    name: str
    hint: Any
    default: Any
    description: str
    group: Group
    of_a_file: bool
    minimum: float | None = None
    maximum: float | None = None
    otherwise: Any = None

    @property
    def kind(self) -> type:
        """The type of a given value: the annotation without ``None``, or ``str`` if several types remain."""
        choices = [one for one in get_args(self.hint) if one is not NoneType] or [self.hint]
        if get_origin(self.hint) not in (None, UnionType):
            return get_origin(self.hint)
        return choices[0] if len(choices) == 1 else str


def about(
    description: str,
    group: Group,
    *,
    of_a_file: bool = False,
    minimum: float | None = None,
    maximum: float | None = None,
    otherwise: Any = None,
) -> dict[str, Any]:
    """Return the metadata of a field of ``Options``, which ``declarations`` reads."""
    return {
        "description": description,
        "group": group,
        "of_a_file": of_a_file,
        "minimum": minimum,
        "maximum": maximum,
        "otherwise": otherwise,
    }
