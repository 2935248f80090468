"""Polluted files: no row has other cells than its author wrote, none is lost without a word, none becomes a header."""

from __future__ import annotations

import io
import os
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from imports_pipeline.reading import ReadOptions, describe
from imports_pipeline_tests.reading.polluting import Polluted, polluted

#: How many tables, each with some hundred damages, and where the random numbers begin.
TABLES = int(os.environ.get("IMPORTS_POLLUTED_TABLES", "28"))
SEED = int(os.environ.get("IMPORTS_POLLUTED_SEED", "20261129"))


def bare(cells: Sequence[str], mark: str) -> tuple[str, ...]:
    """Cells without what a damage may put into one of them, or take from it, and nobody could know."""
    dropped = str.maketrans("", "", f'"~ \r\n\0{mark}')
    return tuple(cell.translate(dropped) for cell in cells)


def judge(file: Polluted, delimiter: str | None) -> str:
    """Check what is read of a file; return what became of it."""
    told = list(describe("x.csv", io.BytesIO(file.text.encode()), ReadOptions(delimiter=delimiter)))
    rows = [one for one in told if one["kind"] == "row"]
    rejects = [one for one in told if one["kind"] == "reject"]
    if told[0]["kind"] == "header" and rows:
        assert bare(told[0]["cells"], file.delimiter) == bare(file.header, file.delimiter), "another header"
        assert told[0]["line"] == 1
    wanted = Counter(bare(row, file.delimiter) for row in file.rows)
    got = Counter(bare(one["cells"], file.delimiter) for one in rows)
    # The author of these lines wrote them as they are; in the midst nothing tells them from rows.
    for extra in list(got):
        if not any(extra) or (extra[0] in ("2recordsexported", "(2rows)") and not any(extra[1:])):
            del got[extra]
    assert not got - wanted, f"cells that nobody wrote: {got - wanted}"
    missing = wanted - got
    if not rejects:
        assert not missing, f"lost without a word: {missing}"
    if "table" in file.what and not any(one["code"] == "no_header" for one in rejects):
        assert rejects[-1]["code"] in ("second_header", "header_mismatch"), (
            "another table was read by this header"
        )
    if (
        file.what == "nothing"
        or file.what in _HARMLESS
        or file.what.startswith(("the header again", "a blank line"))
    ):
        assert not rejects, "a harmless change is rejected"
    if told[-1]["kind"] == "row" and file.what.startswith(("a count", "a short count", "a blank row")):
        last = int(file.what.rsplit(" ", 1)[1])
        assert last < len(file.rows) + 1, "a footer became a row"
    return "refused" if told[0]["kind"] == "reject" else "rejected" if rejects else "read"


_HARMLESS = (
    "blanks after every delimiter",
    "blanks before every delimiter",
)


@pytest.mark.parametrize("batch", range(4))
def test_polluted_files(batch: int) -> None:
    outcomes: Counter[str] = Counter()
    for number in range(batch, TABLES, 4):
        rng = random.Random(SEED + number)
        for file in polluted(rng):
            for delimiter in (None, file.delimiter):
                try:
                    outcomes[judge(file, delimiter)] += 1
                except AssertionError as error:
                    raise AssertionError(
                        f"seed {SEED}, table {number}, {file.what}, {delimiter}: {error}\n{file.text!r}"
                    ) from error
    assert set(outcomes) == {"read", "rejected", "refused"}
