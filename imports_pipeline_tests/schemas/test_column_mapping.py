"""Columns: headers as people write them, and what is said of a file that cannot be imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imports_pipeline.model.errors import IMPORT_CODES
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.option_choices import Action, UnknownColumns
from imports_pipeline.schemas import catalog
from imports_pipeline.schemas.column_mapping.headers.aliases import fields_by_name
from imports_pipeline.schemas.column_mapping.mapping import ColumnMap, map_columns


def mapped(
    header: Sequence[str],
    resource: catalog.Resource = catalog.CONTACT,
    *,
    action: Action = Action.MERGE,
    match_on: Sequence[str] = (),
    column_mapping: Mapping[str, str] | None = None,
    unknown_columns: UnknownColumns = UnknownColumns.IGNORE,
) -> ColumnMap:
    return map_columns(
        header,
        resource,
        action=action,
        match_on=match_on,
        column_mapping=column_mapping or {},
        unknown_columns=unknown_columns,
    )


def fields(header: Sequence[str], *args: catalog.Resource, **options: object) -> dict[str, tuple[int, ...]]:
    return {column.field: column.positions for column in mapped(header, *args, **options).columns}  # type: ignore[arg-type]


def failure(header: Sequence[str], *args: catalog.Resource, **options: object) -> PermanentFailure:
    with pytest.raises(PermanentFailure) as caught:
        mapped(header, *args, **options)  # type: ignore[arg-type]
    assert caught.value.code in IMPORT_CODES
    assert len(caught.value.reason) < 1200
    return caught.value


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("\ufeffEmail", "email"),
        ("E-mail", "email"),
        ("E‑Mail Address", "email"),
        ("EMAIL_ADDRESS", "email"),
        (" email\u00a0", "email"),
        ("Mobile", "phone"),
        ("MobilePhone", "phone"),
        ("Phone No", "phone"),
        ("External ID", "external_id"),
        ("externalId", "external_id"),
        ("EXTERNALID", "external_id"),
        ("Is Primary", "is_primary"),
        ("Address Line 2", "address_line2"),
        ("Alternate Emails . Work", "alternate_emails.work"),
        ("alternateEmails.work", "alternate_emails.work"),
        ("alternate_emails_work", "alternate_emails.work"),
        ("Work Email", "alternate_emails.work"),
        ("Home Phone Number", "alternate_phones.home"),
        ("alternate addresses.home line2", "alternate_addresses.home_line2"),
        ("alternate_names.0", "alternate_names.0"),
        ("groups", "groups.set"),
        ("Groups Add", "groups.add"),
        ("LOCATIONS.REMOVE", "locations.remove"),
        ("metadata.Dept. Code", "metadata.Dept. Code"),
        ("Meta-Data . cost Centre", "metadata.cost Centre"),
    ],
)
def test_a_header_means_a_field(header: str, field: str) -> None:
    assert fields(["name", header]) == {"name": (0,), field: (1,)}


@given(st.sampled_from(catalog.CONTACT.fields), st.data())
@settings(max_examples=200, deadline=None)
def test_case_and_separators_do_not_matter(field: catalog.Field, data: st.DataObject) -> None:
    separator = st.sampled_from(["", " ", "_", "-", "  ", "\u00a0", "\u2011", "\u200b"])
    written = "".join(
        data.draw(separator)
        if character == "_"
        else data.draw(st.sampled_from([character, character.upper()]))
        for character in field.name
    )
    found = fields(["name", written] if field.name != "name" else [written])
    assert field.name in found


def test_every_alias_means_one_field_unless_it_is_shared_on_purpose() -> None:
    shared = {
        alias: meant
        for resource in catalog.RESOURCES.values()
        for alias, meant in fields_by_name(resource).items()
        if len(meant) > 1
    }
    assert set(shared.values()) == {("phone", "alternate_phones.mobile")}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (["First Name", "Last Name", "Email"], {"name": (0, 1), "email": (2,)}),
        (["Surname", "x", "Given Name"], {"name": (2, 0)}),
        (["last", "Middle Name", "FirstName"], {"name": (2, 1, 0)}),
        (["Name", "First Name", "Last Name"], {"name": (0, 1, 2)}),
        (["Email", "First Name"], {"email": (0,)}),
    ],
)
def test_full_names_of_their_parts(header: list[str], expected: dict[str, tuple[int, ...]]) -> None:
    assert fields(header) == expected


def test_a_singular_is_no_list() -> None:
    # `.set` takes records out of every group that is not named: nothing to guess.
    assert mapped(["name", "Group", "Location"]).ignored == ("Group", "Location")


def test_what_is_ignored_is_listed_but_for_our_own_columns() -> None:
    found = mapped(["name", "Foo", "", "First Name", "_line", "_line", "_message", " "])
    assert found.ignored == ("Foo", "column 3", "First Name", "column 8")


def test_phone_and_mobile_are_two_fields() -> None:
    assert fields(["name", "Mobile", "Phone"]) == {
        "name": (0,),
        "alternate_phones.mobile": (1,),
        "phone": (2,),
    }
    assert fields(["name", "Mobile"]) == {"name": (0,), "phone": (1,)}
    assert failure(["name", "Mobile", "Cell", "Phone"]).code == "duplicate_header"


def test_column_mapping_comes_first() -> None:
    found = mapped(["Nom", "Courriel", "email"], column_mapping={"name": "NOM", "email": "Courriel"})
    assert {column.field: column.headers for column in found.columns} == {
        "name": ("Nom",),
        "email": ("Courriel",),
    }
    assert found.ignored == ("email",)
    assert fields(["Name", "name "], column_mapping={"name": "Name", "notes": "name"}) == {
        "name": (0,),
        "notes": (1,),
    }
    assert fields(["id", "Team"], column_mapping={"groups": "Team"}) == {"id": (0,), "groups.set": (1,)}
    assert fields(["name", "Foo"], column_mapping={"metadata.Foo": "foo"}) == {
        "name": (0,),
        "metadata.Foo": (1,),
    }


@pytest.mark.parametrize(
    ("header", "mapping", "code", "part"),
    [
        (
            ["name", "mial"],
            {"email": "mail"},
            "unknown_mapped_column",
            "it has `name`, `mial`; perhaps `mial` is meant",
        ),
        (["name"], {"emial": "name"}, "invalid_column_mapping", "perhaps `email` is meant"),
        (
            ["name"],
            {"name": "name", "email": "Name"},
            "invalid_column_mapping",
            "a header may be mapped once",
        ),
        (["a", "b"], {"groups": "a", "groups.set": "b"}, "invalid_column_mapping", "`groups.set` twice"),
        (
            ["Full Name", "full_name"],
            {"name": "FULL NAME"},
            "duplicate_header",
            "column 1 `Full Name` and 2 `full_name`",
        ),
        (["name"], {"email": ""}, "unknown_mapped_column", "does not have"),
    ],
)
def test_wrong_column_mapping(header: list[str], mapping: dict[str, str], code: str, part: str) -> None:
    found = failure(header, column_mapping=mapping)
    assert found.code == code
    assert part in found.reason


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (["name", "email", "name"], "Columns 1 and 3 are both named `name`"),
        (["name", "foo", "foo"], "Columns 2 and 3 are both named `foo`"),
        (["name", "\ufefffoo ", "foo"], "Columns 2 and 3"),
        (["name", "mail", "email"], "Column 2 `mail` and column 3 `email` both mean the field `email`"),
        (["name", "mail", "email"], "column_mapping email=email"),
        (["name", "Full Name"], "column_mapping name=name"),
        (["Name", "NAME"], "Column 1 `Name` and column 2 `NAME`"),
        (["groups", "groups.set", "name"], "the field `groups.set`"),
        (["First Name", "Given Name", "Last Name"], "name (first)"),
    ],
)
def test_two_columns_for_one_field(header: list[str], part: str) -> None:
    found = failure(header)
    assert found.code == "duplicate_header"
    assert part in found.reason


def test_metadata_keys_that_differ_in_case_are_two() -> None:
    assert len(fields(["name", "metadata.A", "metadata.a"])) == 3


@pytest.mark.parametrize("other", ["groups.add", "groups.remove"])
@pytest.mark.parametrize("bare", ["groups", "groups.set"])
def test_set_excludes_add_and_remove(bare: str, other: str) -> None:
    assert failure(["name", bare, other]).code == "conflicting_columns"
    assert len(fields(["name", "groups.add", "groups.remove", "locations"])) == 4


def test_missing_columns_name_what_was_found_and_what_is_close() -> None:
    found = failure(["Nmae", "street"])
    assert found.code == "missing_column"
    assert found.reason == (
        "The file has no column `name` (nor one to match stored records on: id, external_id, email); "
        "it has `Nmae`, `street`; did you mean `Nmae`? Rename it or give column_mapping name=Nmae."
    )
    assert "`resource`" in failure(["Name"], catalog.GROUP).reason
    many = failure(
        [f"column number {number} with quite a long name indeed, longer than that" for number in range(900)]
    )
    assert "and 888 more" in many.reason


def test_columns_that_are_needed() -> None:
    assert fields(["external id", "notes"]) == {"external_id": (0,), "notes": (1,)}
    assert failure(["external id", "notes"], match_on=["id", "email"]).code == "missing_column"
    assert fields(["phone"], match_on=["phone"]) == {"phone": (0,)}
    assert fields(["id"], action=Action.DELETE) == {"id": (0,)}
    assert failure(["name", "email"], action=Action.DELETE).reason.startswith(
        "The file has no column `id`; it has"
    )
    assert failure(["name", "location"], catalog.GROUP, action=Action.OVERWRITE).code == "missing_column"
    assert set(fields(["Name", "Resource"], catalog.GROUP)) == {"name", "resource"}
    assert "it has no column;" in failure([]).reason


def test_unknown_columns_can_be_refused() -> None:
    found = failure(["name", "Foo", "", "_line"], unknown_columns=UnknownColumns.REJECT)
    assert found.code == "unknown_column"
    assert "`Foo`, `column 3`" in found.reason
    assert mapped(["name", "_line"], unknown_columns=UnknownColumns.REJECT).ignored == ()


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(st.text(max_size=12), st.sampled_from([f.name for f in catalog.CONTACT.fields])), max_size=8
    )
)
def test_every_column_is_mapped_or_ignored_or_the_file_refused(header: list[str]) -> None:
    try:
        found = mapped(header)
    except PermanentFailure:
        return
    positions = [position for column in found.columns for position in column.positions]
    ours = sum(
        name.strip().strip("\ufeff\u200b\u200c\u200d\u2060").strip().startswith("_") for name in header
    )
    assert len(set(positions)) == len(positions)
    assert len(positions) + len(found.ignored) + ours == len(header)


@pytest.mark.parametrize(
    "header", [["Ada", "ada@example.com"], ["ada@example.com"], ["Ada", "+49 171 1234567"], ["Ada", "Ada"]]
)
def test_a_file_without_a_header_is_told_so(header: list[str]) -> None:
    found = failure(header)
    assert found.code in ("missing_column", "duplicate_header")
    if found.code == "missing_column":
        assert "put a header above it" in found.reason


def test_a_column_is_left_out() -> None:
    header = ["First Name", "Last Name", "Notes", "Mobile Phone", "Shoe size"]
    left_out = {"_1": "notes", "_2": "Mobile Phone", "_3": "Shoe size"}
    plan = mapped(header, column_mapping=left_out, unknown_columns=UnknownColumns.REJECT)
    assert [(column.field, column.positions) for column in plan.columns] == [("name", (0, 1))]
    assert plan.ignored == ()
    # Its field is free for another column.
    assert fields(header, column_mapping={"_": "Notes", "notes": "Shoe size"})["notes"] == (4,)
    assert failure(["Name", "Notes"], column_mapping={"_1": "Note"}).code == "unknown_mapped_column"
    twice = failure(["Name", "Notes"], column_mapping={"_1": "Notes", "notes": "Notes"})
    assert twice.code == "invalid_column_mapping"
    assert failure(["Name"], column_mapping={"_1": "Name"}).code == "missing_column"
