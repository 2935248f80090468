"""Presets: what is known about the files of one product, in the shape in which the plan of columns takes it.

How presets are stored and how a file's product is recognised is not decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Preset:
    """What a preset says about columns.

    Attributes:
        name: The name that ``detected.known_file`` shows.
        columns: Header → what its cells are. Headers are compared normalised (``aliases.normalise``), and ``N``
            as a word of its own stands for any number: ``E-mail N - Value``. The right side is the name of a field
            (``external_id``, ``groups.add``, ``metadata.job``), a meaning (``address.home.city``, ``email#N``; ``N``
            becomes the header's number), or ``ignored``. Several columns may have one field where it holds a list
            (``groups.add``). Columns that are not named follow the rules. ``Ville (2)`` is the second of two columns
            that are both named ``Ville``.
        templates: Field → template (``name: "{First Name} {Last Name}"``), used where the file has all its columns.
        separators: Header, or kind (``email``, ``phone``), or list field (``groups.add``) → the texts that stand
            between several values of one cell. An email cell is split by rule too where all pieces are valid.
        dropped: Header or list field → regular expressions; an item that one of them matches in full, in any case,
            is dropped.
        continued_rows: Whether a row that fills in only columns of lists continues the row above.
    """

    name: str
    columns: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)
    separators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dropped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    continued_rows: bool = False
