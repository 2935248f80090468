"""Headers that Outlook and Thunderbird write in other languages, and the words by which they are understood."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from imports_pipeline.schemas.column_mapping.headers.header_words import meaning
from imports_pipeline.schemas.column_mapping.headers.vocabulary import slot_of_label

_HEADERS: dict[str, dict[str, list[str]]] = yaml.safe_load(
    (Path(__file__).parent / "headers_of_languages.yaml").read_text(encoding="utf-8")
)
_FOLDER = files("imports_pipeline.schemas.column_mapping") / "languages"


@pytest.mark.parametrize("language", sorted(_HEADERS))
def test_headers_in_a_language(language: str) -> None:
    wanted = {header: says for says, headers in _HEADERS[language].items() for header in headers}
    found = {header: str(meaning(header) or "nothing") for header in wanted}
    assert found == wanted
    assert {header: str(meaning(header.upper()) or "nothing") for header in wanted} == wanted


def test_every_language_says_where_its_words_come_from() -> None:
    for file in _FOLDER.iterdir():
        if file.name.endswith(".yaml") and file.name != "en.yaml":
            language: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
            assert language["sources"], file.name
            assert all(source.keys() >= {"what", "where"} for source in language["sources"]), file.name


@pytest.mark.parametrize(
    "header",
    [
        "Cost Center",
        "Emergency Contact",
        "Landing Page",
        "Region Manager",
        "Sort",
        "Stat",
        "Support",
        "Viability",
    ],
)
def test_words_of_other_languages_do_not_turn_up_inside_english_headers(header: str) -> None:
    assert meaning(header) is None


def test_labels_in_other_languages() -> None:
    labels = [
        "Geschäftlich",
        "Domicile",
        "Móvil",
        "cellulare",
        "Thuis",
        "Residencial",
        "Służbowy",
        "自宅",
        "Privat",
    ]
    slots = ["work", "home", "mobile", "mobile", "home", "home", "work", "home", "home"]
    assert [slot_of_label(label)[0] for label in labels] == slots
