"""``describe``: one object a record, in file order, and never an exception for a bad file."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imports_pipeline.reading import ReadOptions, describe


def told(data: bytes, **options) -> list[dict]:
    return list(describe("x.csv", io.BytesIO(data), ReadOptions(**options)))


def test_a_table_in_file_order() -> None:
    objects = told(b'name;city\nAnna;Paris\nBob\n"Eve";"two\nlines"\n;;;\n')
    assert objects[0] == {
        "file": "x.csv",
        "kind": "header",
        "line": 1,
        "cells": ["name", "city"],
        "encoding": "utf-8",
        "delimiter": ";",
        "quote": '"',
    }
    assert objects[1] == {"file": "x.csv", "kind": "row", "line": 2, "cells": ["Anna", "Paris"]}
    assert sorted(objects[2]) == ["byte_offset", "code", "file", "kind", "line", "message", "raw"]
    assert [(o["kind"], o["line"]) for o in objects[1:]] == [
        ("row", 2),
        ("reject", 3),
        ("row", 4),
        ("passed_over", 6),
    ]


@pytest.mark.parametrize("data", [b"", b"\x00" * 100, b"PK\x03\x04broken", b"\x1f\x8bbroken"])
def test_what_is_no_table_is_one_reject(data: bytes) -> None:
    (only,) = told(data)
    assert (only["kind"], only["line"], only["byte_offset"], only["raw"]) == ("reject", 0, 0, "")


def test_a_file_that_cannot_be_read_is_one_reject() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("input/output error")

    (only,) = describe("x.csv", Broken(b"a"))
    assert only["code"] == "source_not_readable"


@settings(max_examples=400, deadline=None)
@given(
    st.binary(max_size=300)
    | st.text("ab,;\"'\n\r\t|\\é\0 =", max_size=200).map(str.encode)
    | st.sampled_from([b"PK\x03\x04", b"\x1f\x8b\x08\0", b"\xff\xfe", b"\xef\xbb\xbf"]).flatmap(
        lambda start: st.binary(max_size=100).map(lambda rest: start + rest)
    )
)
def test_any_file_can_be_described(data: bytes) -> None:
    for thing in told(data, max_record_bytes=100):
        json.dumps(thing, ensure_ascii=False).encode("utf-8")
