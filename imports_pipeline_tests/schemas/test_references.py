"""References: list cells are read exactly as they were meant, or not at all."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imports_pipeline.schemas.references import classify, explode, join, parse

text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
reference = st.one_of(text, st.text('ab", :@.', min_size=1, max_size=8)).filter(lambda value: value.strip())


def lists(cells: list[str | None]) -> tuple[list[list[str]], list[bool]]:
    exploded, unreadable = explode(pa.array(cells, pa.string()))
    found: list[list[str]] = [[] for _ in cells]
    for row, item in zip(exploded.row.to_pylist(), exploded.reference.to_pylist(), strict=True):
        found[row].append(item)
    assert exploded.row.to_pylist() == sorted(exploded.row.to_pylist())
    return found, unreadable.to_pylist()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(reference, max_size=5), max_size=8))
def test_what_join_writes_explode_reads(rows: list[list[str]]) -> None:
    found, unreadable = lists([join(row) for row in rows])
    assert found == rows
    assert not any(unreadable)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text('ab," :', max_size=10), max_size=10))
def test_by_the_column_as_one_by_one(cells: list[str]) -> None:
    found, unreadable = lists(list(cells))
    one_by_one = [parse(cell) for cell in cells]
    assert found == [items or [] for items in one_by_one]
    assert unreadable == [items is None for items in one_by_one]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("Sales", ["Sales"]),
        (" Sales ,\u00a0Marketing ", ["Sales", "Marketing"]),
        ("a,,b,", ["a", "b"]),
        ('"Smith, Ann",Bob', ["Smith, Ann", "Bob"]),
        ('Bob , "Smith, Ann" , "x"', ["Bob", "Smith, Ann", "x"]),
        ('"He said ""hi"""', ['He said "hi"']),
        ('" padded "', [" padded "]),
        ('Bob "Bobby" Smith', ['Bob "Bobby" Smith']),
        ('"Smith, Ann":::ann@x.com,Bob', ["Smith, Ann:::ann@x.com", "Bob"]),
        ('"Smith, Ann:::ann@x.com"', ["Smith, Ann:::ann@x.com"]),
        ("", []),
        ("  ", []),
        (None, []),
    ],
)
def test_readable(cell: str | None, expected: list[str]) -> None:
    assert lists([cell]) == ([expected], [False])


@pytest.mark.parametrize(
    "cell",
    ['"a', 'a,"b', '"a" b', '"a""', 'external_id:"A,B"', '5" pipe', ",", " , ,", '""', '" "', '"a":::"b"'],
)
def test_unreadable(cell: str) -> None:
    assert lists(["x", cell, "y"]) == ([["x"], [], ["y"]], [False, True, False])


def test_chunks_and_nothing() -> None:
    exploded, unreadable = explode(pa.chunked_array([["a,b"], ["c"]], pa.string()))
    assert exploded.row.to_pylist() == [0, 0, 1]
    assert unreadable.to_pylist() == [False, False]
    exploded, unreadable = explode(pa.array([], pa.string()))
    assert len(exploded.row) == len(unreadable) == 0


# Fixed, because they are in the names of tests, and every worker must collect the same ones.
GROUP_ID, CONTACT_ID = "grp_01m84ynmabe0gagynt38j2wz3b", "ctct_01m84ynmabe0cawhm1f5s1k3dn"


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        (GROUP_ID, ("id", GROUP_ID, None)),
        (GROUP_ID.upper(), ("id", GROUP_ID, None)),
        (CONTACT_ID, ("id", CONTACT_ID, None)),
        ("grp_123", ("name", "grp_123", None)),
        ("external_id:E-7", ("external_id", "E-7", None)),
        ("External_ID: a b ", ("external_id", "a b", None)),
        ("external_id:a:::b", ("external_id", "a:::b", None)),
        ("Ann@Example.COM", ("email", "ann@example.com", None)),
        ("Team @ HQ", ("name", "Team @ HQ", None)),
        ("ann@localhost", ("name", "ann@localhost", None)),
        ("Sales", ("name", "Sales", None)),
        ("Ann Smith:::Ann@X.com", ("name_email", "Ann Smith", "ann@x.com")),
        ("Ann ::: Smith ::: ann@x.com", ("name_email", "Ann ::: Smith", "ann@x.com")),
        (":::Ann@x.com", ("email", "ann@x.com", None)),
        ("ann@x.com:::", ("name", "ann@x.com", None)),
        (f"{GROUP_ID}:::", ("name", GROUP_ID, None)),
        ("external_id:7:::", ("name", "external_id:7", None)),
        (":::", ("name", ":::", None)),
        ("two\nlines", ("name", "two\nlines", None)),
        (None, (None, None, None)),
    ],
)
def test_classify(given_text: str | None, expected: tuple[str | None, ...]) -> None:
    found = classify(pa.array(["x", given_text], pa.string()), ("grp",))
    assert (found.kind[1].as_py(), found.first[1].as_py(), found.second[1].as_py()) == expected


def test_classify_nothing() -> None:
    found = classify(pa.array([], pa.string()), ())
    assert len(found.kind) == len(found.first) == len(found.second) == 0
