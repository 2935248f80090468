"""Texts that look the same are the same: ids, references, names; also those stored in another form before."""

from __future__ import annotations

import importlib
from unicodedata import normalize

from imports_pipeline.registry import locations
from imports_pipeline_tests.journeys import Imports

# Written with combining accents, as macOS does.
ID, CAFE, ZOE = (normalize("NFD", text) for text in ("\u00c9-1", "Caf\u00e9", "Zo\u00e9"))


def test_another_composition_is_the_same_record_and_group(imports: Imports) -> None:
    imports.completed(f"name,resource\n{CAFE},contact\nSales\u00a0 Team,contact\n", "group")
    assert imports.names("group") == ["Caf\u00e9", "Sales Team"]
    imports.completed("external_id,name,groups\n\u00c9-1,Zo\u00e9,Caf\u00e9\n")
    before = imports.state()
    content = f"external_id,name,groups\n{ID},{ZOE},\u200b{CAFE}\u00ad\n"
    again = imports.completed(content, action="overwrite", max_deletions=0)
    assert again.stats["unchanged"] == 1
    assert imports.state()[:5] == before[:5]
    both = imports.completed('external_id,name,groups\n\u00c9-1,Zo\u00e9,"Sales   Team,Caf\u00e9"\n')
    assert both.stats["updated"] == 1
    assert imports.one("Zo\u00e9")["groups"] == ["Caf\u00e9", "Sales Team"]
    members = f"name,resource,children.remove\nCaf\u00e9,contact,{ZOE}:::\n"
    assert imports.completed(members, "group").stats["updated"] == 1


def test_two_spellings_in_one_file_are_duplicates(imports: Imports) -> None:
    import_ = imports.run(f"external_id,name\n\u00c9-1,A\n{ID},B\nE-2,C\n")
    assert imports.codes(import_) == {2: ["duplicate_row"], 3: ["duplicate_row"]}


def test_locations_are_stored_in_that_form(imports: Imports) -> None:
    imports.locations(" Zu\u0308rich\u00a0  West ")
    with imports.workflow.database.connect() as connection:
        assert [one["name"] for one in locations.list_locations(connection, imports.organization)] == [
            "Z\u00fcrich West"
        ]


def test_an_unknown_group_names_the_near_one(imports: Imports) -> None:
    imports.completed("name,resource\nSales Team,contact\nOps,contact\n", "group")
    import_ = imports.run("name,groups\nA,sales team\nB,Sales Team;Ops\nC,Nobody\nD,Ops\n")
    messages = [error["message"] for row in imports.errors(import_) for error in row["errors"]]
    assert messages == [
        "there is no group sales team; did you mean Sales Team?",
        "there is no group Sales Team;Ops; a list has commas between its names: correct the cell",
        "there is no group Nobody; create it first, or correct the cell",
    ]
    assert imports.completed('name,groups\nA,Sales Team\nB,"Sales Team,Ops"\n').stats["created"] == 2


def test_what_was_stored_before_is_brought_into_that_form(imports: Imports) -> None:
    imports.completed("external_id,name\n1,A\n2,B\n3,Zoe\n")
    stored = {"1": ID, "2": "\u00c9-2", "3": normalize("NFD", "\u00c9-2")}
    for id_, text in stored.items():
        imports.query(
            "UPDATE contacts SET external_id = %s, name = %s"
            " WHERE organization_id = %s AND external_id = %s RETURNING 1",
            text, f"x\u00a0 {id_}\u00ad", imports.organization, id_,
        )  # fmt: skip
    migration = importlib.import_module("imports_pipeline.database.migrations.versions.0010_canonical")
    with imports.workflow.database.connect() as connection, connection.transaction():
        connection.execute(migration.CANONICAL)
        for statement in migration.statements():
            connection.execute(statement)
    # The two that would clash keep their ids.
    assert {record["external_id"]: record["name"] for record in imports.records()} == {
        "\u00c9-1": "x 1", stored["2"]: "x 2", stored["3"]: "x 3",
    }  # fmt: skip
