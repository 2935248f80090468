"""Damaged letters are looked for only in columns whose bytes can hold them."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imports_pipeline.import_phases.suspicious_cells import first_suspicious, unmangled

#: Letters around the edges of what Windows-1252 makes of UTF-8, and ordinary ones.
LETTERS = "aZ ÁÂÃÄäéôõüß\u0080¿À\u0152\u0192\u02c6\u2122€中🙂"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(LETTERS, max_size=5), min_size=1, max_size=4), st.integers(0, 2))
@example(["MÃ¼ller"], 0)
@example(["Zürich", "José ß"], 0)
@example(["Ã", "\u0080"], 0)
def test_no_damaged_text_is_missed(texts: list[str], offset: int) -> None:
    column = pa.array([*["x"] * offset, *texts], pa.string()).slice(offset)
    cells = pa.record_batch([column], names=["notes"])
    found = first_suspicious(cells, pa.array(range(len(texts)), pa.int64()))
    # A text that can be undone holds a first letter with a second one behind it.
    damaged = [text for text in texts if unmangled(text)]
    assert ("misread_letters" in found) == bool(damaged), (texts, found)
