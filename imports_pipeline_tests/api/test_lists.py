"""Lists of imports and of records: pages, order, filters, and nothing of anybody else."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from imports_pipeline_tests.api.serving import Api, code_of, data_of
from imports_pipeline_tests.journeys import Imports


@pytest.fixture
def stored(caller: httpx.Client, imports: Imports) -> httpx.Client:
    """Return a caller of an organization with three contacts, two groups and two locations."""
    for name in ("Berlin", "Paris"):
        data_of(caller.post("/v1/locations", json={"name": name}), 201)
    imports.completed("name,resource\nStaff,contact\nSites,location\n", "group")
    imports.run(
        "name,email,external_id,groups,locations\n"
        "Cid,cid@example.com,3,Staff,Berlin\nAda,Ada@Example.com,1,Staff,\nBob,,2,,Paris\n"
    )
    people = [{"name": "Eve", "email": "nowhere"}, {"name": "Zoe", "email": "zoe@example.com"}]
    plan = {"resource": "contact", "dry_run": True, "data": people}
    data_of(caller.post("/v1/imports", json=plan), 201)
    imports.run("id\nctct_00000000000000000000000000\n", action="delete")
    return caller


def listed(caller: httpx.Client, path: str, **parameters: Any) -> tuple[list[Any], Any]:
    answer = caller.get(path, params=parameters)
    return data_of(answer, 200), answer.json()["pagination"]


def test_records_are_listed_by_page_order_and_filter(stored: httpx.Client) -> None:
    found, pagination = listed(stored, "/v1/contacts", limit=2, order_by="name")
    assert [(one["name"], one["metadata"]) for one in found] == [("Ada", {}), ("Bob", {})]
    assert pagination == {"page": 1, "limit": 2, "total": 3, "pages": 2, "exact": True}
    found, _ = listed(stored, "/v1/contacts", limit=2, page=2, order_by="name")
    assert [one["name"] for one in found] == ["Cid"]
    assert listed(stored, "/v1/contacts", page=9)[0] == []
    found, _ = listed(stored, "/v1/contacts", order_by="email", direction="desc")
    assert [one["name"] for one in found] == ["Cid", "Ada", "Bob"]
    (staff,), _ = listed(stored, "/v1/groups", name="Staff")
    (berlin,), _ = listed(stored, "/v1/locations", name="Berlin")
    for parameters, names in [
        ({"email": "ada@example.com"}, ["Ada"]),
        ({"external_id": "2"}, ["Bob"]),
        ({"group_id": staff["id"]}, ["Cid", "Ada"]),
        ({"group_id": staff["id"], "location_id": berlin["id"]}, ["Cid"]),
        ({"name": "Nobody"}, []),
    ]:
        found, pagination = listed(stored, "/v1/contacts", **parameters)
        assert ([one["name"] for one in found], pagination["total"]) == (names, len(names)), parameters
    assert [one["name"] for one in listed(stored, "/v1/groups", resource="location")[0]] == ["Sites"]


def test_a_record_is_shown_whole(stored: httpx.Client) -> None:
    (listed_one,), _ = listed(stored, "/v1/contacts", name="Cid")
    contact = data_of(stored.get(f"/v1/contacts/{listed_one['id']}"), 200)
    assert contact == listed_one
    assert (contact["object"], contact["email"], contact["alternate_emails"]) == (
        "contact",
        "cid@example.com",
        {},
    )
    assert [one["name"] for one in contact["groups"]] == ["Staff"]
    assert [one["name"] for one in contact["locations"]] == ["Berlin"]
    assert isinstance(contact["created_at"], int)
    assert len(contact["checksum"]) == 64
    assert contact["updated_by"].startswith("imp_")
    (group,), _ = listed(stored, "/v1/groups", name="Staff")
    whole = data_of(stored.get(f"/v1/groups/{group['id']}"), 200)
    assert (whole["children_count"], contact["id"] in whole["children"]) == (2, True)
    (location,), _ = listed(stored, "/v1/locations", name="Paris")
    assert data_of(stored.get(f"/v1/locations/{location['id']}"), 200)["name"] == "Paris"


def test_imports_are_listed_by_what_they_are(stored: httpx.Client) -> None:
    found, pagination = listed(stored, "/v1/imports")
    assert (len(found), pagination["total"]) == (4, 4)
    assert [one["created_at"] for one in found] == sorted((one["created_at"] for one in found), reverse=True)
    assert "phases" in found[0]
    for parameters, count in [
        ({"resource": "group"}, 1),
        ({"action": "delete"}, 1),
        ({"status": "failed"}, 1),
        ({"status": "completed", "has_errors": "true"}, 1),
        ({"has_errors": "false"}, 2),
        ({"mode": "sync"}, 0),
        ({"location_id": "loc_x"}, 0),
        ({"awaiting": "approval"}, 0),
    ]:
        assert listed(stored, "/v1/imports", **parameters)[1]["total"] == count, parameters
    for order in ("updated_at", "name", "status"):
        assert len(listed(stored, "/v1/imports", order_by=order, direction="asc")[0]) == 4


def test_a_location_is_added_once(caller: httpx.Client) -> None:
    made = data_of(caller.post("/v1/locations", json={"name": "Rome"}), 201)
    assert made["id"].startswith("loc_")
    assert code_of(caller.post("/v1/locations", json={"name": "Rome"}), 409) == "name_taken"
    for body in (
        {},
        {"name": ""},
        {"name": 1},
        {"name": "a\x00"},
        {"name": "x" * 256},
        {"name": "x", "y": 1},
    ):
        assert code_of(caller.post("/v1/locations", json=body), 400) == "invalid_request", body


@pytest.mark.parametrize("kind", ["contacts", "groups", "locations", "imports"])
def test_another_organization_sees_nothing(
    stored: httpx.Client, api: Api, organization: str, kind: str
) -> None:
    found, _ = listed(stored, f"/v1/{kind}")
    with api.caller(f"{organization}-other") as other:
        assert listed(other, f"/v1/{kind}") == (
            [],
            {"page": 1, "limit": 20, "total": 0, "pages": 0, "exact": True},
        )
        for one in found:
            assert code_of(other.get(f"/v1/{kind}/{one['id']}"), 404) == "not_found"


@pytest.mark.parametrize(
    "parameters",
    [
        {"page": "0"},
        {"page": "-1"},
        {"page": "x"},
        {"page": str(10**30)},
        {"page": "100000", "limit": "1000"},
        {"limit": "0"},
        {"limit": "1001"},
        {"order_by": "password"},
        {"order_by": "id; DROP TABLE contacts"},
        {"direction": "sideways"},
        {"name": "a\x00"},
        {"name": "x" * 256},
    ],
)
def test_absurd_pages_are_refused(caller: httpx.Client, parameters: dict[str, str]) -> None:
    assert code_of(caller.get("/v1/contacts", params=parameters), 400) == "invalid_request"
