"""The plan of columns: for each field of a file, where its values are read from.

A file in the documented CSV has one ``Cell`` a field. The other sources are for files of other products, in which
a value stands in several columns or a column holds several values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Cell:
    """The cells of one column, as they are written."""

    position: int

    @property
    def positions(self) -> tuple[int, ...]:
        """The columns that it is read from, 0-based."""
        return (self.position,)


@dataclass(frozen=True)
class Joined:
    """Cells of several columns with a text between them; blank cells and their separators are left out."""

    positions: tuple[int, ...]
    separator: str = " "


@dataclass(frozen=True)
class Template:
    """Texts and cells in turn (``{First Name} {Last Name}``): blank where all of its cells are blank.

    ``texts`` has one more item than ``positions``: what stands before, between and after the cells. Blank cells
    leave runs of blanks, which become one, and punctuation at the edges, which is taken off.
    """

    texts: tuple[str, ...]
    positions: tuple[int, ...]


@dataclass(frozen=True)
class FirstFilled:
    """The first of several sources that is not blank in a row."""

    sources: tuple[Cell | Joined | Template, ...]

    @property
    def positions(self) -> tuple[int, ...]:
        """The columns that it is read from, each once."""
        return tuple(dict.fromkeys(at for source in self.sources for at in source.positions))


@dataclass(frozen=True)
class ListCell:
    """A column whose cells hold names of groups: how they are separated, and which of them are dropped.

    ``separators`` may be empty: the cell is a list as this project writes one. ``dropped`` are regular expressions
    that match an item in full. A JSON array or object in a cell is read as its values.
    """

    position: int
    separators: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lists:
    """One list of references from the cells of several columns."""

    cells: tuple[ListCell, ...]

    @property
    def positions(self) -> tuple[int, ...]:
        """The columns that it is read from, 0-based."""
        return tuple(cell.position for cell in self.cells)


@dataclass(frozen=True)
class AddressParts:
    """The columns of one address, by part. One column may be all of it (``formatted``).

    The address is written as street with house number, PO box, town, region, postal code, country, with commas
    between; its second and third lines are its second line. ``formatted`` is used in rows without any part.
    """

    formatted: int | None = None
    street: int | None = None
    house_number: int | None = None
    lines: tuple[int, ...] = ()
    po_box: int | None = None
    city: int | None = None
    region: int | None = None
    postal_code: int | None = None
    country: int | None = None

    @property
    def positions(self) -> tuple[int, ...]:
        """The columns that it is read from, in the order in which they are written."""
        parts = (self.formatted, self.street, self.house_number, *self.lines, self.po_box)
        parts += (self.city, self.region, self.postal_code, self.country)
        return tuple(at for at in parts if at is not None)


@dataclass(frozen=True)
class Member:
    """One value of a family: a column, or the parts of an address.

    Attributes:
        value: Where the value stands.
        slot: The slot that the header names; empty if it names none.
        label: The column whose cells name the slot, row by row.
        fixed: The header is the name of a field, which the value never leaves.
        country: The column with the country of a national phone number.
        countries: Columns with the countries of addresses, the nearest first.
        calling_code: The column with the country's calling code.
        separators: The texts between several values of one cell; an email cell is split by rule as well.
    """

    value: int | AddressParts
    slot: str = ""
    label: int | None = None
    fixed: bool = False
    country: int | None = None
    countries: tuple[int, ...] = ()
    calling_code: int | None = None
    separators: tuple[str, ...] = ()

    @property
    def positions(self) -> tuple[int, ...]:
        """The columns that the value is read from."""
        return self.value.positions if isinstance(self.value, AddressParts) else (self.value,)


@dataclass(frozen=True)
class Family:
    """Columns that hold several values of one kind (``email``, ``phone``, ``address``).

    Attributes:
        kind: What the values are.
        members: The values, the likeliest main one first.
        slots: The slots that values may go to, ``main`` first; what no column names comes last, in the order in
            which further values take it.
    """

    kind: str
    members: tuple[Member, ...]
    slots: tuple[str, ...]


@dataclass(frozen=True)
class FromFamily:
    """What a family put into one of its slots; ``positions`` are the columns that it may come from."""

    family: int
    slot: str
    positions: tuple[int, ...]
    line: int = 1


Source = Cell | Joined | Template | FirstFilled | Lists | FromFamily


@dataclass(frozen=True)
class MappedColumn:
    """One field, and the columns (0-based) and headers that it is read from."""

    field: str
    source: Source
    headers: tuple[str, ...]

    @property
    def positions(self) -> tuple[int, ...]:
        """The columns that the field is read from, 0-based."""
        return self.source.positions


@dataclass(frozen=True)
class Assumptions:
    """What the sample shows of whole columns, 0-based, so that cells below it can contradict.

    Attributes:
        foreign_ids: Columns that have the name of ``id`` and hold no id of this system.
        blank: Columns of ``external_id`` in which nothing is filled in, so that another column is read as one.
    """

    foreign_ids: tuple[int, ...] = ()
    blank: tuple[int, ...] = ()


NO_ASSUMPTIONS: Final = Assumptions()


@dataclass(frozen=True)
class ColumnMap:
    """The plan of a file: its fields in the file's order, its families, and the headers that are ignored."""

    columns: tuple[MappedColumn, ...]
    ignored: tuple[str, ...]
    families: tuple[Family, ...] = field(default=())
    assumed: Assumptions = NO_ASSUMPTIONS
