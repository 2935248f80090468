"""Export: a file that imports again and changes nothing, whatever the values are."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imports_pipeline.import_phases.files.formulas import neutralise
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry.export import export
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.journeys import Imports

_NUMBERS = count(1)
#: Characters that a list, a reference, a CSV or a spreadsheet gives a meaning to, and some that none does.
_ODD = ",;\"'`:@=+-|\t\n\r\\/%_#()\u00a0\u200b\ufeff\u2028é한字🙂İß\u0301 aZ09"
TEXT = st.text(
    st.one_of(st.sampled_from(_ODD), st.characters(exclude_categories=("Cs", "Cc", "Cn"))),
    min_size=1,
    max_size=12,
).filter(lambda text: text.strip().strip("\u200b\u2060\ufeff\u00a0 ").strip() != "")
EMAIL = st.builds(
    "{}@{}.example.com".format,
    # An apostrophe before a value is a spreadsheet's, and no part of it.
    st.from_regex(
        r"[A-Za-z0-9!#$%&*+/=?^_`{|}~-][A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{0,7}(\.[a-z0-9]{1,4})?", fullmatch=True
    ),
    st.from_regex(r"[A-Za-z][a-z0-9]{0,6}", fullmatch=True),
)
PHONE = st.sampled_from(["+4930901820", "+1 202-555-0123", "+44 20 7946 0958", "+33 1 42 68 53 00"])
KEYS = ["a", "B b", "ключ", 'quoted "key"', "with, comma", "dotted.key"]


def _optional(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(st.just(""), values)


@st.composite
def contacts(draw: st.DrawFn) -> list[dict[str, str]]:
    """Draw rows of contacts without identities in common."""
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=3))
    rows = []
    for number in range(draw(st.integers(1, 4))):
        row = {
            "name": draw(TEXT),
            "external_id": draw(_optional(TEXT.map(lambda text, n=number: f"{n}{text}"))),
            "email": draw(_optional(EMAIL.map(lambda text, n=number: f"n{n}{text}"))),
            "phone": draw(_optional(PHONE)),
            "address": draw(_optional(TEXT)),
            "notes": draw(_optional(TEXT)),
            "is_primary": draw(st.sampled_from(["", "yes", "no"])),
            "alternate_names.0": draw(_optional(TEXT)),
            "alternate_emails.work": draw(_optional(EMAIL)),
            "alternate_phones.home": draw(_optional(PHONE)),
            "alternate_addresses.home_line2": draw(_optional(TEXT)),
        }
        row.update((f"metadata.{key}", draw(_optional(TEXT))) for key in keys)
        rows.append(row)
    return rows


def as_csv(rows: Sequence[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def fresh(workflow: ImportWorkflow, folder: Path) -> Imports:
    return Imports(workflow, f"export-{next(_NUMBERS)}", folder)


def assert_unchanged_by_its_export(imports: Imports, resource: str, *actions: str) -> None:
    before = imports.records(resource)
    for action in actions or ("overwrite",):
        import_ = imports.completed(imports.export(resource), resource, action=action)
        assert import_.stats["unchanged"] == len(before), imports.export(resource)
        assert import_.detected["ignored_columns"] == []
        assert imports.records(resource) == before


@given(rows=contacts())
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_contacts(
    workflow: ImportWorkflow, tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]
) -> None:
    imports = fresh(workflow, tmp_path_factory.getbasetemp())
    imports.completed(as_csv(rows))
    assert len(imports.records()) == len(rows)
    assert_unchanged_by_its_export(imports, "contact")


@given(names=st.lists(TEXT, min_size=2, max_size=4, unique_by=lambda name: name.strip()), odd=TEXT)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_groups_and_their_members(
    workflow: ImportWorkflow, tmp_path_factory: pytest.TempPathFactory, names: list[str], odd: str
) -> None:
    imports = fresh(workflow, tmp_path_factory.getbasetemp())
    places = list(imports.locations("Berlin", odd[:20] + "!").values())
    rows = [
        {
            "name": f"{number}{name}",
            "resource": ("contact", "location")[number % 2],
            "location": "",
            "metadata.x": odd,
        }
        for number, name in enumerate(names)
    ]
    rows[0]["location"] = places[1]
    imports.completed(as_csv(rows), "group")
    groups = [group["id"] for group in imports.records("group") if group["resource"] == "contact"]
    imports.completed(
        as_csv(
            [
                {"name": odd, "groups": ",".join(groups), "locations": ",".join(places)},
                {"name": odd, "groups": "", "locations": ""},
            ]
        )
    )
    gathering = [group["id"] for group in imports.records("group") if group["resource"] == "location"]
    imports.completed(as_csv([{"id": group, "children": ",".join(places)} for group in gathering]), "group")
    assert_unchanged_by_its_export(imports, "contact")
    assert_unchanged_by_its_export(imports, "group")


#: Names that a list cell, or a reference, would read as something else.
NAMES = [
    "a,b", 'say "hi"', '"', "ann@example.com", "Ann@Example.com", "name:::email@example.com", "x:::", "external_id:1",
    "grp_01h2xcejqtf2nbrexx3vqjhp41", "GRP_01H2XCEJQTF2NBREXX3VQJHP41", "loc_01h2xcejqtf2nbrexx3vqjhp41",
    "two\nlines", "\u200bzero", "nil\ufeff", "=1+1", "'=1", "a;b", "tab\there", "ends with\\",
]  # fmt: skip


def test_names_that_mean_something_else_in_a_list(imports: Imports) -> None:
    imports.locations(*NAMES)
    imports.completed(as_csv([{"name": name, "resource": "contact"} for name in NAMES]), "group")
    groups = {group["name"]: group["id"] for group in imports.records("group")}
    imports.completed(as_csv([{"name": "Ann", "groups": ",".join(groups.values())}]))
    places = [
        place["id"]
        for place in imports.query(
            "SELECT id FROM locations WHERE organization_id = %s", imports.organization
        )
    ]
    imports.completed(
        as_csv([{"name": "Ann", "external_id": "1", "locations": ",".join(places), "groups": ""}])
    )
    imports.completed(
        as_csv([{"name": "All", "resource": "location", "children": ",".join(places)}]), "group"
    )
    assert_unchanged_by_its_export(imports, "contact", "merge", "overwrite")
    assert_unchanged_by_its_export(imports, "group", "merge", "overwrite")


FORMULAS = [
    "=cmd|' /C calc'!A0", "@SUM(1)", "+x", "-x", "-1", "+49 30 901820", "-2.5e3", "'", "''", "'a", "'=1", "''=1", "'-1",
    '="a","b"', "=a\nb", "-1\n=2", "+1,2", "\\x", "=%s {}",
]  # fmt: skip


def test_formulas_are_neutralised_and_restored(imports: Imports) -> None:
    rows = [
        {"external_id": f"x{at}", "name": "A", "notes": text, "metadata.=k": text}
        for at, text in enumerate(FORMULAS)
    ]
    with imports.workflow.database.connect() as connection:
        imports.completed(as_csv(rows))
        written = b"".join(
            export(connection, RESOURCES["contact"], imports.organization, "csv", raw=True)
        ).decode()
    stored = {row["external_id"]: row["notes"] for row in imports.records()}
    exported = {
        row["external_id"]: row for row in csv.DictReader(io.StringIO(imports.export().decode(), newline=""))
    }
    exact = {row["external_id"]: row for row in csv.DictReader(io.StringIO(written, newline=""))}
    for key, value in stored.items():
        assert exported[key]["notes"] == exported[key]["metadata.=k"] == neutralise(value)
        assert exact[key]["notes"] == exact[key]["metadata.=k"] == value
    assert "_export" not in exact["x0"]
    assert_unchanged_by_its_export(imports, "contact", "merge", "overwrite")


def test_thousands_of_metadata_keys(imports: Imports) -> None:
    """Export more metadata keys than a PostgreSQL table can have columns."""
    keys = [f"k{number}" for number in range(3000)]
    for at in range(0, 3000, 1000):
        values = {f"metadata.{key}": f"v{key}" for key in keys[at : at + 1000]}
        imports.completed(as_csv([{"external_id": f"x{at}", "name": "A", **values}]))
    header, *lines = csv.reader(io.StringIO(imports.export().decode(), newline=""))
    assert {f"metadata.{key}" for key in keys} <= set(header)
    assert sum(cell.startswith("vk") for line in lines for cell in line) == 3000
    with imports.workflow.database.connect() as connection:
        text = b"".join(export(connection, RESOURCES["contact"], imports.organization, "jsonl"))
    assert (
        sum(name.startswith("metadata.") for line in text.splitlines() for name in json.loads(line)) == 3000
    )


@pytest.mark.parametrize(("count_", "value"), [(1700, "x"), (1200, "ten letters")])
def test_a_file_with_more_columns_than_can_be_checked_says_so(
    imports: Imports, count_: int, value: str
) -> None:
    row = {"external_id": "1", "name": "A", **{f"metadata.k{at}": value for at in range(count_)}}
    import_ = imports.run(as_csv([row]))
    assert (import_.status, import_.code) == (Status.FAILED, "too_many_columns")
    assert f"has {count_ + 2:,} columns" in (import_.reason or "")
    keys = list(row)[2:]
    for at in range(0, count_, 500):
        part = {name: row[name] for name in ("external_id", "name", *keys[at : at + 500])}
        imports.completed(as_csv([part]))
    (record,) = imports.records()
    assert len(record["metadata"]) == count_, "what the reason says works"


def test_an_empty_organization_exports_a_header(imports: Imports) -> None:
    assert imports.export().decode().startswith("id,name,")
    assert imports.export().count(b"\n") == 1


def test_json_lines(imports: Imports) -> None:
    imports.completed('name,is_primary,metadata.x\n"A ""b"", é",yes,1\nBob,,\n')
    with imports.workflow.database.connect() as connection:
        text = b"".join(export(connection, RESOURCES["contact"], imports.organization, "jsonl")).decode()
    rows: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    assert sorted(
        (row["name"], row.get("is_primary"), row.get("metadata.x")) for row in rows if row["name"] != "Bob"
    ) == [('A "b", é', True, "1")]
    assert len(rows) == 2
