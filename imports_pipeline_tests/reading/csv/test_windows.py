"""Windows: records depend neither on where blocks end nor on which parser reads them."""

from __future__ import annotations

import contextlib
import os
import random
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline.reading.csv.reference_parser import ReferenceParser
from imports_pipeline.reading.options import NotATable
from imports_pipeline_tests.reading.csv.both_parsers import by_reference_parser, by_scan

#: `make soak` reads as many as it reads of test_fuzz.py, with another generator.
EXAMPLES = int(os.environ.get("FUZZ_FILES") or 700)
DIALECTS = [
    Dialect(),
    Dialect(";", "'", "", "crlf"),
    Dialect(",", '"', "", "cr"),
    Dialect(",", '"', "\\", "lf"),
    Dialect("\t", "", "", "lf"),
    Dialect("|", "", "\\", "lf"),
]
#: What stands around a quoted cell; mostly nothing.
BLANKS = ["", "", "", "", "", " ", "  ", "\t"]
ENDS = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}


def soup(rng: random.Random, dialect: Dialect, width: int) -> bytes:
    """Return a header and records, some of them malformed."""
    mark, quote, end = dialect.delimiter, dialect.quote or "q", ENDS[dialect.line_end]
    inner = ["a", "b", mark, "\n", "\r\n", "\r", quote * 2, "é", "😀", dialect.escape + quote, dialect.escape]

    def cell() -> str:
        kind = rng.random()
        if kind < 0.5:
            return "".join(rng.choice("ab é€😀") for _ in range(rng.randrange(4)))
        if kind < 0.85:
            quoted = quote + "".join(rng.choice(inner) for _ in range(rng.randrange(7))) + quote
            return rng.choice(BLANKS) + quoted + rng.choice(BLANKS)
        return rng.choice(
            [
                quote + "a",
                "b" + quote,
                f"{quote}a{quote}b",
                f"a{quote}b",
                f"={quote}a{quote}",
                dialect.escape,
                quote,
            ]
        )

    parts = [mark.join(f"h{n}" for n in range(width)) + end]
    for _ in range(rng.randrange(14)):
        count = width if rng.random() < 0.8 else rng.randrange(width + 3)
        parts.append(mark.join(cell() for _ in range(count)))
        parts.append(end if rng.random() < 0.9 else rng.choice(["\n", "\r", "\r\n", ""]))
    data = "".join(parts).encode()
    for _ in range(rng.randrange(3)):
        at = rng.randrange(len(parts[0]), len(data) + 1)
        data = data[:at] + rng.choice([b"\0", b"\xff", b"\xc3", b"\n\n", quote.encode()]) + data[at:]
    return data


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.sampled_from(DIALECTS),
    st.sampled_from([1, 2, 3, 4]),
    st.sampled_from([1, 2, 3, 7, 16, 64, 100_000]),
    st.sampled_from([10, 40, 1000]),
)
def test_the_scan_equals_the_reference_parser(
    rng: random.Random, dialect: Dialect, width: int, block: int, limit: int
) -> None:
    data = soup(rng, dialect, width)
    try:
        rows, malformed, _ = by_scan(data, dialect, block, limit)
    except NotATable:
        return
    expected, faults = by_reference_parser(data, dialect, width, limit)
    assert rows == expected
    assert [(m.line, m.byte_offset, m.code, m.column, list(m.cells)) for m in malformed] == faults
    accounted(data, dialect, width, limit, rows, malformed)


class KeptNowAndThen:
    """A filter that keeps few records, and notes the offsets of the others."""

    enough = False

    def __init__(self, every: int) -> None:
        self.every, self.left_out, self._seen = every, set[int](), 0

    def kept(self, data: bytes, starts: Any, ends: Any, line: Any, byte_offset: Any) -> Any:
        places = np.arange(self._seen, self._seen + len(starts))
        self._seen += len(starts)
        flags = places % self.every == 0
        self.left_out.update(byte_offset[~flags].tolist())
        return flags


@settings(max_examples=EXAMPLES // 5, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.sampled_from(DIALECTS),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([1, 7, 64, 100_000]),
    st.sampled_from([1, 3, 100]),
    st.sampled_from([8, 40, 50_000]),
)
def test_a_filter_leaves_out_what_it_says_and_nothing_else(
    rng: random.Random, dialect: Dialect, width: int, block: int, every: int, batch_rows: int
) -> None:
    """Few rows of many blocks are gathered, and malformed records stay where they are among them."""
    data = soup(rng, dialect, width)
    record_filter = KeptNowAndThen(every)
    try:
        rows, malformed, _ = by_scan(data, dialect, block, 1000)
        some = by_scan(data, dialect, block, 1000, record_filter, batch_rows=batch_rows)
    except NotATable:
        return
    assert some[0] == [row for row in rows if row[1] not in record_filter.left_out]
    assert some[1] == malformed


def accounted(data: bytes, dialect: Dialect, width: int, limit: int, rows: list, malformed: list) -> None:
    """Check that header, rows, malformed records and blank lines make up the file, and do not overlap."""
    header_end = ReferenceParser(dialect, 0, limit).read(data, 0, True).end
    told = sorted(
        [(at, cells) for _, at, cells in rows] + [(m.byte_offset, m) for m in malformed], key=_place
    )
    reader = ReferenceParser(dialect, width, 10_000)
    places = [at for at, _ in told] + [len(data)]
    assert not data[header_end : places[0]].strip(b"\r\n")
    for (at, what), after in zip(told, places[1:], strict=False):
        text = data[at:after].strip(b"\r\n")
        if isinstance(what, list):
            ((_, cells),) = reader.read(text, 0, True).rows
            assert [cell.decode() for cell in cells] == what
        elif what.code == "record_too_long":
            assert text.decode("utf-8", "backslashreplace").startswith(what.raw.strip("\r\n"))
        else:
            assert what.raw.strip("\r\n") == text.decode("utf-8", "backslashreplace")


def _place(item: tuple) -> int:
    return item[0]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(DIALECTS), st.sampled_from([1, 13, 100_000]))
def test_any_bytes_are_read_or_refused(data: bytes, dialect: Dialect, block: int) -> None:
    with contextlib.suppress(NotATable):
        by_scan(data, dialect, block, 50)
