"""Canonical texts: what looks the same is the same."""

from __future__ import annotations

import pyarrow as pa
import pytest

from imports_pipeline.schemas.canonical import canonical, canonical_text

CASES = {
    "plain": "plain",
    "Cafe\u0301": "Café",
    "two  blanks": "two blanks",
    "tab\tand\nline": "tab and line",
    "no\u00a0break \u2009thin\u3000wide": "no break thin wide",
    "zero\u200bwidth": "zerowidth",
    "soft\u00adhyphen": "softhyphen",
    "\u202aleft\u202c\u200e": "left",
    "b\ufeffom": "bom",
    "join\u200dner": "joinner",
    "ﬁ ①": "ﬁ ①",
    "É-1": "É-1",
}


@pytest.mark.parametrize("text", CASES)
def test_one_spelling(text: str) -> None:
    assert canonical(pa.array([text])).to_pylist() == [CASES[text]]
    assert canonical_text(text) == CASES[text]


def test_columns_of_many_cells() -> None:
    column = pa.array([None, *CASES, None])
    assert canonical(column).to_pylist() == [None, *CASES.values(), None]
    assert canonical(column.slice(3, 4)).to_pylist() == list(CASES.values())[2:6]
    ascii_only = pa.array(["a b", "a  b", None, "c"])
    assert canonical(ascii_only).to_pylist() == ["a b", "a b", None, "c"]
    untouched = pa.array(["a b", "c"])
    assert canonical(untouched) is untouched


def test_joiners_stay_in_names() -> None:
    assert canonical(pa.array(["م\u200cن\u00ad"]), joiners=True).to_pylist() == ["م\u200cن"]
    assert canonical(pa.array(["\u200d"])).to_pylist() == [None]
