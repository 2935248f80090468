"""Groups and locations: lists that are set, added to and removed from, and the rule about a group's location."""

from __future__ import annotations

import pytest

from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.journeys import Imports


@pytest.fixture
def stored(imports: Imports) -> Imports:
    """Ann is in group A and in Berlin; Bob is in nothing."""
    imports.locations("Berlin", "Oslo")
    imports.completed("name,resource\nA,contact\nB,contact\nC,contact\nPlaces,location\n", "group")
    imports.completed("name,email,groups,locations\nAnn,ann@example.com,A,Berlin\nBob,bob@example.com,,\n")
    return imports


#: columns and cells for Ann → her groups after the import.
CHANGES = {
    "add": ("groups.add", "B", ["A", "B"]),
    "add several": ("groups.add", '"B, C"', ["A", "B", "C"]),
    "remove": ("groups.remove", "A", []),
    "set": ("groups.set", '"B,C"', ["B", "C"]),
    "bare": ("groups", "B", ["B"]),
    "add and remove": ("groups.add,groups.remove", "B,A", ["B"]),
    "add and remove the same": ("groups.add,groups.remove", "A,A", []),
    "a blank set keeps": ("groups.set", "", ["A"]),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_list_changes(stored: Imports, case: str) -> None:
    columns, cells, groups = CHANGES[case]
    before = stored.records()
    import_ = stored.completed(f"email,{columns}\nann@example.com,{cells}\n")
    changes = groups != ["A"]
    assert (import_.stats["updated"], import_.stats["unchanged"]) == (int(changes), int(not changes))
    ann, bob = stored.records()
    assert ann["groups"] == groups
    assert (ann["updated_at"] > before[0]["updated_at"]) is changes, "a new link is a change of the record"
    assert bob == before[1]
    again = stored.completed(f"email,{columns}\nann@example.com,{cells}\n")
    assert again.stats["unchanged"] == 1
    assert stored.records() == [ann, bob]


@pytest.mark.parametrize(
    ("operation", "left"), [("add", ["Berlin", "Oslo"]), ("set", ["Oslo"]), ("remove", ["Berlin"])]
)
def test_locations_of_a_contact(stored: Imports, operation: str, left: list[str]) -> None:
    stored.completed(f"email,locations.{operation}\nann@example.com,Oslo\n")
    assert stored.one("Ann")["locations"] == left


@pytest.mark.parametrize(
    ("operation", "left"), [("add", ["Ann", "Bob"]), ("set", ["Bob"]), ("remove", ["Ann"])]
)
def test_children_of_a_group(stored: Imports, operation: str, left: list[str]) -> None:
    import_ = stored.completed(f"name,resource,children.{operation}\nA,contact,Bob\n", "group")
    assert stored.one("A", "group")["children"] == left
    assert import_.stats["unchanged"] == (1 if operation == "remove" else 0)


def test_children_of_a_group_of_locations(stored: Imports) -> None:
    stored.completed('name,resource,children\nPlaces,location,"Oslo,Berlin"\n', "group")
    assert stored.one("Places", "group")["children"] == ["Berlin", "Oslo"]
    (places,) = [one for one in stored.records("group") if one["name"] == "Places"]
    stored.completed(f"id,children.remove\n{places['id']},Oslo\n", "group")
    assert stored.one("Places", "group")["children"] == ["Berlin"]


def test_children_are_what_the_stored_group_holds(stored: Imports) -> None:
    """A file without the column `resource` says by the id of what kind the members are."""
    places = stored.one("Places", "group")
    stored.completed(f"id,children\n{places['id']},Oslo\n", "group", match_on="external_id")
    assert stored.one("Places", "group")["children"] == ["Oslo"]
    import_ = stored.run(f"id,children\n{places['id']},Ann\n", "group")
    assert stored.codes(import_) == {2: ["unknown_member"]}


def test_a_new_group_and_a_contact_in_it(stored: Imports) -> None:
    stored.completed("name,resource,children\nNew,contact,ann@example.com\n", "group")
    stored.completed("name,email,groups\nCid,cid@example.com,New\n")
    assert stored.one("New", "group")["children"] == ["Ann", "Cid"]


class TestLocationOfAGroup:
    """A contact joins a group that has a location only if it is in that location."""

    @pytest.fixture
    def stored(self, stored: Imports) -> Imports:
        stored.completed("name,resource,location\nLocal,contact,Berlin\n", "group")
        return stored

    def test_a_contact_in_it_joins(self, stored: Imports) -> None:
        stored.completed("email,groups.add\nann@example.com,Local\n")
        assert stored.one("Ann")["groups"] == ["A", "Local"]

    def test_a_contact_that_comes_into_it_joins(self, stored: Imports) -> None:
        stored.completed("email,groups.add,locations.add\nbob@example.com,Local,Berlin\n")
        stored.completed("name,email,groups,locations\nNew,new@example.com,Local,Berlin\n")
        assert stored.one("Local", "group")["children"] == ["Bob", "New"]

    @pytest.mark.parametrize(
        "content",
        [
            "email,groups.add\nbob@example.com,Local\n",
            "email,groups.add,locations.set\nann@example.com,Local,Oslo\n",
            "email,groups.add,locations.remove\nann@example.com,Local,Berlin\n",
            "name,groups\nNew,Local\n",
        ],
    )
    def test_a_contact_outside_does_not(self, stored: Imports, content: str) -> None:
        before = stored.records()
        import_ = stored.run(content)
        assert import_.status is Status.FAILED
        assert stored.codes(import_) == {2: ["not_in_group_location"]}
        assert stored.errors(import_)[0]["phase"] == "validation"
        assert stored.records() == before

    def test_a_member_does_not_leave_the_location(self, stored: Imports) -> None:
        stored.completed("email,groups.add\nann@example.com,Local\n")
        import_ = stored.run("email,locations.remove\nann@example.com,Berlin\n")
        assert stored.codes(import_) == {2: ["not_in_group_location"]}
        stored.completed("email,locations.remove,groups.remove\nann@example.com,Berlin,Local\n")
        assert (stored.one("Ann")["groups"], stored.one("Ann")["locations"]) == (["A"], [])

    def test_a_group_takes_no_member_from_outside(self, stored: Imports) -> None:
        import_ = stored.run("name,resource,children.add\nLocal,contact,Bob\nB,contact,Bob\n", "group")
        assert stored.codes(import_) == {2: ["not_in_group_location"]}
        assert stored.one("Bob")["groups"] == ["B"]
        stored.completed("name,resource,children.add\nLocal,contact,Ann\n", "group")

    def test_a_group_gets_no_location_its_members_are_not_in(self, stored: Imports) -> None:
        import_ = stored.run("name,resource,location\nA,contact,Oslo\n", "group")
        assert stored.codes(import_) == {2: ["not_in_group_location"]}
        stored.completed("name,resource,location\nA,contact,Berlin\n", "group")
        assert stored.one("A", "group")["location"] == "Berlin"

    def test_a_group_that_a_locations_import_makes_has_only_its_members(self, stored: Imports) -> None:
        berlin = stored.one("Local", "group")["location_id"]
        content = "name,resource,children\nNew,contact,{}\nWhere,location,Oslo\n"
        import_ = stored.run(content.format("Bob"), "group", location_id=berlin)
        assert stored.codes(import_) == {2: ["not_in_group_location"]}
        stored.completed(content.format("Ann"), "group", location_id=berlin)
        assert stored.one("New", "group")["children"] == ["Ann"]

    def test_a_group_that_loses_its_location_takes_anyone(self, stored: Imports) -> None:
        stored.completed(
            "name,resource,location,children.add\nLocal,contact,,Bob\n", "group", blank_cells="clear"
        )
        local = stored.one("Local", "group")
        assert (local["location"], local["children"]) == (None, ["Bob"])

    def test_a_group_of_locations_has_none(self, stored: Imports) -> None:
        import_ = stored.run("name,resource,location\nPlaces,location,Berlin\n", "group")
        assert stored.codes(import_) == {2: ["invalid_value"]}
        places = stored.one("Places", "group")
        import_ = stored.run(f"id,location\n{places['id']},Berlin\n", "group")
        assert stored.codes(import_) == {2: ["wrong_resource"]}
        assert stored.one("Places", "group") == places
