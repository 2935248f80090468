"""The pages about known files say what the data says."""

from __future__ import annotations

from imports_pipeline_tests.known_files_page import HOW_TO, REFERENCE, how_to, reference


def test_the_pages_are_current() -> None:
    again = "run: python -m imports_pipeline_tests.known_files_page"
    assert REFERENCE.read_text(encoding="utf-8") == reference(), again
    assert HOW_TO.read_text(encoding="utf-8") == how_to(), again
