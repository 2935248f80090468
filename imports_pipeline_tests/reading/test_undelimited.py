"""A table that comes out as one column, though every line has several cells, is refused with what reads it."""

from __future__ import annotations

import io

import pytest

from imports_pipeline.reading import ReadOptions, describe


def seen(text: str, **options) -> list[dict]:
    return list(describe("x.csv", io.BytesIO(text.encode()), ReadOptions(**options)))


@pytest.mark.parametrize("mark", ["~", ":", "\x01", "`", "!", "\x1f"])
@pytest.mark.parametrize("quoted", [False, True])
def test_an_unusual_delimiter_is_named_and_reads_the_file(mark: str, quoted: bool) -> None:
    rows = [["name", "email"], ["Ann", "ann@example.org"], ["Bob", "bob@example.org"]]
    text = "".join(
        mark.join(f'"{cell}"' if quoted and cell != "Ann" else cell for cell in row) + "\n" for row in rows
    )
    told = seen(text)
    assert [one["kind"] for one in told] == ["reject"]
    if not quoted:
        assert f"delimiter `{repr(mark)[1:-1]}`" in told[0]["message"]
    assert [one["cells"] for one in seen(text, delimiter=mark)] == rows


@pytest.mark.parametrize("mark", ["¦", "，", "；"])
def test_a_mark_that_cannot_be_given(mark: str) -> None:
    (refusal,) = seen(f"name{mark}email\nAnn{mark}ann@example.org\n")
    assert "save the file with commas" in refusal["message"]


def test_lines_quoted_as_a_whole() -> None:
    (refusal,) = seen('"name,""email"""\n"Ann,""ann@example.org"""\n"Bob,""bob@example.org"""\n')
    assert "remove the quotes around each line" in refusal["message"]


@pytest.mark.parametrize(
    "text",
    [
        "email\na@example.org\n",
        "name\nDoe, John\n",
        "https://a.example\nhttps://b.example\n",
        "Name: all\nAnn\n",
    ],
)
def test_tables_of_one_column_are_read(text: str) -> None:
    assert [one["cells"] for one in seen(text)] == [[line] for line in text.splitlines()]
