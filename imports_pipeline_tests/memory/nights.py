"""Random nights of an organization: the files that come, and what happens to the stored records between them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, str]
COLUMNS = (
    *("name", "email", "external_id", "phone", "notes"),
    *("is_primary", "metadata.unit", "alternate_emails.work", "address"),
)
#: Names that a person should know about, or that could be a header, a footer or nothing.
ODD = (
    "MÃ¼ller",
    "NULL",
    "Smith &amp; Sons",
    "Department",
    "Title",
    "Total",
    "",
    "  Ann  ",
    "Zoë",
    "O'Brien, Pat",
    "Two\nlines",
    'Ann "Nan" Lee',
    "- ; -",
)
#: The groups and locations that there are from the beginning, and cells that name some of them.
LINKED = ("Red", "Blue")
LINK_CELLS = (*("", "Red", "Blue") * 3, "Red;Blue", "Green", "Yellow;Red")
BAD_EMAILS = ("nobody", "a b@example.com", "İ@example.com", "K@example.com")
TAILS = ("", "", "", "Total: {count}\n", "\n\n", "-----,,,,\n", ",".join(COLUMNS) + "\n", "a,b\n")
#: How a file is written: line end, encoding, whether every cell is quoted.
WRITINGS = (
    *(("\n", "utf-8", False),) * 3,
    *(
        ("\r\n", "utf-8-sig", False),
        ("\n", "cp1252", False),
        ("\n", "utf-16", False),
        ("\r\n", "utf-8", True),
    ),
)
#: What happens to the file, each as often as it is here.
CHANGES = (
    *("edit",) * 4,
    *("other", "add", "drop", "double", "swap", "odd", "bad", "steal", "lose", "shuffle", "case"),
    *("ragged", "like_header"),
)


@dataclass
class Nights:
    """A file that changes from night to night."""

    chance: random.Random
    rows: list[Row] = field(default_factory=list)
    made: int = 0
    # False if some rows fill in no identity key.
    keyed: bool = True
    # The column of groups or locations, or None.
    links: str | None = None
    # True if imports may have a location.
    is_located: bool = False
    # How the file is written, of ``WRITINGS``.
    writing: tuple[str, str, bool] = WRITINGS[0]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the file."""
        return COLUMNS if self.links is None else (*COLUMNS, self.links)

    def begin(self, count: int) -> None:
        """Fill the file."""
        for _ in range(count):
            self._add()

    def _row(self) -> Row:
        self.made += 1
        number = self.made
        has = self.chance.random
        row = {
            "name": f"Person {number}",
            "email": f"p{number}@example.com" if has() < 0.8 else "",
            "external_id": f"E-{number}" if has() < 0.8 else "",
            "phone": f"+4930{1000000 + number}" if has() < 0.5 else "",
            "notes": f"note {number}",
            "is_primary": self.chance.choice(("", "", "yes", "No", "TRUE", "0")),
            "metadata.unit": self.chance.choice(("", f" unit {number % 7}", "Ä", "{}", "null", "1e5")),
            "alternate_emails.work": f"W{number}@Example.org" if has() < 0.3 else "",
            "address": f"Street {number}" if has() < 0.3 else "",
        }
        if self.links is not None:
            row[self.links] = self.chance.choice(LINK_CELLS)
        if not row["email"] and not row["external_id"] and (self.keyed or has() < 0.9):
            row["external_id"] = f"E-{number}"
        return row

    def _add(self) -> None:
        self.rows.insert(self.chance.randint(0, len(self.rows)), self._row())

    def change(self) -> None:
        """Let a night pass: some rows change."""
        for _ in range(self.chance.choice((0, 0, 1, 1, 2, 4))):
            kind = self.chance.choice(CHANGES)
            getattr(self, f"_{kind}")()

    def _any(self) -> Row:
        return self.chance.choice(self.rows) if self.rows else self._row()

    def any_email(self) -> str | None:
        """Return the email address of a row, if it has one."""
        return self._any()["email"] or None

    def _edit(self) -> None:
        row = self._any()
        self.made += 1
        row["notes"] = f"note {self.made}"

    def _other(self) -> None:
        name = self.chance.choice(self.columns[5:])
        self._any()[name] = self._row()[name]

    def _drop(self) -> None:
        if len(self.rows) > 3:
            self.rows.pop(self.chance.randrange(len(self.rows)))

    def _double(self) -> None:
        self.rows.append(dict(self._any()))

    def _swap(self) -> None:
        one, other = self._any(), self._any()
        name = self.chance.choice(("email", "external_id", "phone"))
        one[name], other[name] = other[name], one[name]

    def _odd(self) -> None:
        self._any()["name"] = self.chance.choice(ODD)

    def _bad(self) -> None:
        self._any()["email"] = self.chance.choice(BAD_EMAILS)

    def _steal(self) -> None:
        name = self.chance.choice(("email", "external_id"))
        self._any()[name] = self._any()[name]

    def _lose(self) -> None:
        row, name = self._any(), self.chance.choice(("email", "external_id", "phone"))
        if not self.keyed or (row["email"] and row["external_id"]):
            row[name] = ""

    def _case(self) -> None:
        row = self._any()
        row["email"] = row["email"].upper()

    def _ragged(self) -> None:
        """Let a row have a cell too many, or too few, or its own number again."""
        self._any()["cells"] = self.chance.choice(("", "", "+", "-"))

    def _like_header(self) -> None:
        """Add a row that would be the header of another table below a blank line."""
        row = dict.fromkeys(self.columns, "")
        self.made += 1
        row |= {"name": "Department", "external_id": self.chance.choice(("Title", f"E-{self.made}"))}
        self.rows.insert(self.chance.randint(0, len(self.rows)), row)

    def _shuffle(self) -> None:
        self.chance.shuffle(self.rows)

    def text(self) -> bytes:
        """Return the file, sometimes with a footer, blank lines or its header again."""
        line_end, encoding, quotes_all = self.writing
        lines = [self._line(row, quotes_all) for row in self.rows]
        for more in ("", ",".join(self.columns)):
            if self.chance.random() < 0.1 and lines:
                lines.insert(self.chance.randrange(len(lines)), more)
        tail = self.chance.choice(TAILS).format(count=len(lines))
        text = "\n".join([",".join(self.columns), *lines]) + "\n" + tail
        return text.replace("\n", line_end).encode(encoding, "replace")

    def _line(self, row: Row, quotes_all: bool) -> str:
        cells = [row[name] for name in self.columns]
        for text, at in (("+", len(cells)), ("-", len(cells) - 1)):
            if row.get("cells") == text:
                cells[at:] = ["more"] if text == "+" else []
        quoted = [f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in cells]
        needs = [quotes_all or bool(set(cell) & set(',"\n')) for cell in cells]
        return ",".join(q if need else cell for q, need, cell in zip(quoted, needs, cells, strict=True))

    def some(self) -> str:
        """Return a file of another kind, with some of the rows."""
        some = [dict(row) for row in self.rows if self.chance.random() < 0.2]
        for row in some:
            if self.chance.random() < 0.7:
                self.made += 1
                row["notes"] = f"other {self.made}"
        some.append(self._row())
        return "".join(
            ",".join(row[name] for name in ("external_id", "email", "name", "notes")) + "\n"
            for row in [dict.fromkeys(COLUMNS, ""), *some]
        ).replace(",,,\n", "external_id,email,name,notes\n", 1)

    def options(self) -> dict[str, Any]:
        """Return options of the night's import."""
        some: dict[str, Any] = {}
        if self.writing[1] == "cp1252":
            # Its few words do not tell it from other code pages.
            some["encoding"] = "cp1252"
        if self.chance.random() < 0.08:
            some["blank_cells"] = "clear"
        if self.chance.random() < 0.08:
            some["duplicate_handling"] = "use_first"
        if self.chance.random() < 0.05:
            some["match_on"] = "email"
        if self.chance.random() < 0.05:
            some["max_errors"] = 1
        if self.chance.random() < 0.5:
            some["max_deletions"] = 1000
        if self.is_located and self.chance.random() < 0.9:
            some["location_id"] = LINKED[0]
        if self.links is not None and self.chance.random() < 0.8:
            some["missing_groups"] = "create"
        return some
