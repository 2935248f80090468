"""An independent writer of delimited text, and strategies for tables and dialects: nothing of the reader's."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

ENDS = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}
LETTERS = "abcXYZ019 .-_@éüßñÅ€日😀\t,;|^'\"\\=+"
#: What every encoding under test can say.
COMMON = "abcXYZ019 .-_@éüßñÅ,;|^'\"\\=+"


@dataclass(frozen=True)
class Style:
    """How to write: marks, line end, and whether every cell is quoted."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    end: str = "lf"
    always: bool = False
    last_end: bool = True

    def cell(self, text: str, alone: bool) -> str:
        special = {self.delimiter, self.quote, self.escape, "\r", "\n"} - {""}
        if not (self.always or special & set(text) or (alone and not text)):
            return text
        if self.escape:
            for mark in (self.escape, self.quote):
                text = text.replace(mark, self.escape + mark)
            return self.quote + text + self.quote
        return self.quote + text.replace(self.quote, self.quote * 2) + self.quote

    def row(self, cells: list[str]) -> str:
        return self.delimiter.join(self.cell(cell, len(cells) == 1) for cell in cells)

    def table(self, rows: list[list[str]]) -> str:
        text = ENDS[self.end].join(self.row(row) for row in rows)
        return text + ENDS[self.end] if self.last_end else text

    def places(self, rows: list[list[str]], encoding: str, signature: int = 0) -> list[tuple[int, int]]:
        """Physical line and byte offset of each row."""
        places, line, offset = [], 1, signature
        for row in rows:
            places.append((line, offset))
            text = self.row(row) + ENDS[self.end]
            line += len(text.replace("\r\n", "\n").replace("\r", "\n")) - len(
                text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "")
            )
            offset += len(text.encode(encoding))
        return places


def styles(escapes: bool = True) -> st.SearchStrategy[Style]:
    return st.builds(
        Style,
        delimiter=st.sampled_from(",;\t|^"),
        quote=st.sampled_from("\"'"),
        escape=st.sampled_from(["", "\\"] if escapes else [""]),
        end=st.sampled_from(sorted(ENDS)),
        always=st.booleans(),
        last_end=st.booleans(),
    )


@st.composite
def tables(draw: st.DrawFn, letters: str = LETTERS, rows: int = 12) -> list[list[str]]:
    """A header and rows of one width; no row that is nothing but one empty, unquoted cell."""
    width = draw(st.integers(1, 5))
    cell = st.text(letters, max_size=6) | st.sampled_from(
        ["", "a\nb", "a\r\nb", "x\ry", "\ufeffz", '""', ",,"]
    )
    if letters is not LETTERS:
        cell = st.text(letters, max_size=6) | st.sampled_from(["", "a\nb", "a\r\nb", '""', ",,"])
    header = [f"column {number}" for number in range(width)]
    body = draw(st.lists(st.lists(cell, min_size=width, max_size=width), max_size=rows))
    # Blank rows at the end of a table are passed over, so a row of text stands behind them.
    return [header, *body, ["z"] * width] if body else [header]
