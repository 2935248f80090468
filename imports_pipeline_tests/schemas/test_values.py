"""Values: booleans, choices, ids and references, by kind; emails and phones have tests of their own."""

from __future__ import annotations

import pyarrow as pa
import pytest

from imports_pipeline.model import ids
from imports_pipeline.schemas import catalog
from imports_pipeline.schemas.cells import trimmed
from imports_pipeline.schemas.references import explode
from imports_pipeline.schemas.values import CODES, read

FIELDS = {
    kind: next(f for r in catalog.RESOURCES.values() for f in r.fields if f.kind is kind)
    for kind in catalog.Kind
}


def values(kind: catalog.Kind, cells: list[str | None]) -> tuple[list[str | None], list[str | None]]:
    resource = catalog.CONTACT if FIELDS[kind].name in catalog.CONTACT.by_name else catalog.GROUP
    found = read(FIELDS[kind], resource, trimmed(pa.array(cells, pa.string())), default_region=None)
    reasons = [None] * len(cells) if found.reasons is None else found.reasons.to_pylist()
    return found.values.to_pylist(), reasons


@pytest.mark.parametrize("cell", ["true", "TRUE", "Yes", "y", "T", "1", "on", " yes\u00a0"])
def test_yes(cell: str) -> None:
    assert values(catalog.Kind.BOOLEAN, [cell]) == (["true"], [None])


@pytest.mark.parametrize("cell", ["false", "False", "NO", "n", "f", "0", "Off"])
def test_no(cell: str) -> None:
    assert values(catalog.Kind.BOOLEAN, [cell]) == (["false"], [None])


@pytest.mark.parametrize("cell", ["x", "2", "maybe", "ja", "1.0", "-"])
def test_neither(cell: str) -> None:
    found, reasons = values(catalog.Kind.BOOLEAN, [cell, "yes", ""])
    assert found == [None, "true", None]
    assert reasons == [
        f"`{cell}` is neither a yes nor a no: write true or false (yes/no, y/n, t/f, 1/0, on/off do too); "
        "or leave the cell blank",
        None,
        None,
    ]


def test_choices() -> None:
    found, reasons = values(catalog.Kind.CHOICE, ["Contact", "LOCATION", "group", None])
    assert found == ["contact", "location", None, None]
    assert reasons[2] == "`group` is no choice here: write contact or location; or leave the cell blank"


def test_ids() -> None:
    good, other = ids.new_id(ids.CONTACT), ids.new_id(ids.GROUP)
    bad = [other, "ctct_123", good[:-1], good + "0", "ctct_8" + good[6:], good.replace("_", "-"), "42"]
    found, reasons = values(catalog.Kind.ID, [good, good.upper(), "", *bad])
    assert found == [good, good, None] + [None] * len(bad)
    assert [reason is None for reason in reasons] == [True] * 3 + [False] * len(bad)


def test_lists_of_references_keep_their_text() -> None:
    cells = ["Sales, Marketing", '"Smith, Ann"', 'a,"b', ","]
    found, reasons = values(catalog.Kind.REFERENCES, cells)
    assert found == ["Sales, Marketing", '"Smith, Ann"', None, None]
    assert [reason is not None for reason in reasons] == [False, False, True, True]


@pytest.mark.parametrize(
    ("cell", "reference"),
    [
        ("Main", "Main"),
        ("Main, West", "Main, West"),
        ('"Main, West"', "Main, West"),
        ('5" pipe', '5" pipe'),
        ('"Main":::a@b.de', "Main:::a@b.de"),
        ('"Main", West', None),
        ('"Main', None),
        ('""', None),
    ],
)
def test_one_reference_is_no_list(cell: str, reference: str | None) -> None:
    found, reasons = values(catalog.Kind.REFERENCE, [cell])
    assert (reasons[0] is None) == (reference is not None)
    assert explode(pa.array(found, pa.string()))[0].reference.to_pylist() == (
        [reference] if reference else []
    )


def test_text_is_always_text() -> None:
    assert values(catalog.Kind.TEXT, [" a ", "\u2003", "\ufeffb\u200b\u2003\u200b", "a\u200bb", "=1+1"]) == (
        # The field that stands for the kind is one that rows are matched by: schemas/canonical.py.
        ["a", None, "b", "ab", "=1+1"],
        [None] * 5,
    )


@pytest.mark.parametrize("kind", list(catalog.Kind))
def test_nothing_and_blanks(kind: catalog.Kind) -> None:
    assert values(kind, []) == ([], [])
    assert values(kind, [None, "", " "]) == ([None] * 3, [None] * 3)


def test_every_kind_but_text_has_a_code() -> None:
    assert set(catalog.Kind) - set(CODES) == {catalog.Kind.TEXT}
