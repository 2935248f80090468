"""Equal texts have equal hashes, wherever they stand, and different texts different ones."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from imports_pipeline.import_phases.text_hashes import hash_values

TEXTS = st.lists(st.text("abé\0 ", max_size=30), min_size=1, max_size=20)


@given(TEXTS, st.integers(0, 5))
def test_a_hash_depends_on_the_text_alone(texts: list[str], begin: int) -> None:
    values = pa.array([*texts[:begin], *texts])
    hashes = hash_values(values.slice(min(begin, len(texts)))).tolist()
    assert hashes == [int(hash_values(pa.array([text], pa.large_string()))[0]) for text in texts]
    assert 0 not in hashes
    assert len(set(hashes)) == len(set(texts))
