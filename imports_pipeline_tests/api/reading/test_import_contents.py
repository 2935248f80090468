"""What an import found and what it would do: its plan and its rejected rows, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from imports_pipeline.model.errors import ROW_CODES
from imports_pipeline.model.files import PLAN_JSON
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.api.serving import Api, code_of, data_of
from imports_pipeline_tests.journeys import Imports

NOBODY = f"imp_{'0' * 26}"
HEADER = "name,email,phone,external_id,alternate_emails.work,groups.add\n"
STORED = (
    f"{HEADER}Ada Lovelace,ada@example.com,+4930901820,a1,ada@work.example,\n"
    'Bob "Bobby" Ray,bob@example.com,,b1,,\nÄnne Straße,aenne@example.com,,c1,,\n'
)
# Ada changes, Bob and Änne go, Cid is new; the last two rows are rejected.
WANTED = (
    "name,email,phone,external_id,alternate_emails.work,groups.add\n"
    "Ada King,ada@example.com,+4930901820,a1,ada@king.example,Staff\n"
    "Cid Campeador,cid@example.com,,d1,,\n"
    "Dan,nowhere,12,e1,,\n"
    "Eve,eve@example.com,+4930901820,e1,x@,\n"
)


@dataclass(frozen=True)
class Planned:
    """An overwrite that is planned, and its organization with a caller who may do everything there."""

    id: str
    organization: str
    caller: httpx.Client


@pytest.fixture(scope="module")
def planned(
    api: Api, workflow: ImportWorkflow, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Planned]:
    """Store three contacts and a group, and plan an overwrite of the contacts."""
    organization = "org-of-a-plan"
    imports = Imports(workflow, organization, tmp_path_factory.mktemp("plan"))
    imports.completed("name,resource\nStaff,contact\n", "group")
    imports.completed(STORED)
    with api.caller(organization) as caller:
        yield Planned(_plan(caller, WANTED, action="overwrite"), organization, caller)


def _plan(caller: httpx.Client, content: str, **options: str) -> str:
    """Send a file for a dry run and return the id of the import."""
    form = {"resource": "contact", "mode": "sync", "dry_run": "true", **options}
    file = {"file": ("people.csv", content.encode())}
    return str(data_of(caller.post("/v1/imports", data=form, files=file), 201)["id"])


def test_a_plan_lists_removals_first_by_name_and_changes_by_field(planned: Planned) -> None:
    answer = planned.caller.get(f"/v1/imports/{planned.id}/plan")
    entries = data_of(answer, 200)
    assert [(one["operation"], one["line"], one["name"]) for one in entries] == [
        ("overwritten", None, 'Bob "Bobby" Ray'),
        ("overwritten", None, "Änne Straße"),
        ("created", 3, "Cid Campeador"),
        ("updated", 2, "Ada Lovelace"),
    ]
    assert answer.json()["pagination"] == {
        "page": 1,
        "limit": 20,
        "total": 4,
        "pages": 1,
        "exact": True,
        "operations": {"overwritten": 2, "created": 1, "updated": 1},
    }
    removed, _, created, updated = entries
    assert {one["field"]: one["old"] for one in removed["changes"]} == {
        "name": 'Bob "Bobby" Ray',
        "email": "bob@example.com",
        "external_id": "b1",
    }
    assert all(one["new"] is None for one in removed["changes"])
    assert (created["changes"], created["email"], created["external_id"]) == ([], "cid@example.com", "d1")
    changes = {one["field"]: one for one in updated["changes"]}
    assert set(changes) == {"name", "alternate_emails.work", "groups"}
    assert (changes["name"]["old"], changes["name"]["new"]) == ("Ada Lovelace", "Ada King")
    assert (changes["alternate_emails.work"]["old"], changes["alternate_emails.work"]["new"]) == (
        "ada@work.example",
        "ada@king.example",
    )
    assert (len(changes["groups"]["added"]), changes["groups"]["removed"]) == (1, [])


def test_a_plan_is_filtered_searched_and_paged(planned: Planned) -> None:
    def names(**query: object) -> list[str]:
        return [
            one["name"]
            for one in data_of(planned.caller.get(f"/v1/imports/{planned.id}/plan", params=query), 200)
        ]

    assert names(operation="created") == ["Cid Campeador"]
    assert names(operation="deleted") == []
    assert names(search="ÄNNE") == ["Änne Straße"]
    assert names(search='"bobby"') == ['Bob "Bobby" Ray']
    assert names(search="C1") == ["Änne Straße"], "an external id"
    assert names(search=".*") == [], "it is a text and no pattern"
    assert names(search="a", operation="updated") == ["Ada Lovelace"]
    ids = [one["id"] for one in data_of(planned.caller.get(f"/v1/imports/{planned.id}/plan"), 200)]
    assert names(search=ids[3][8:].upper()) == ["Ada Lovelace"], "part of an id"
    pages = [names(page=page, limit=3) for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [3, 1, 0]
    assert (
        code_of(planned.caller.get(f"/v1/imports/{planned.id}/plan?operation=nothing"), 400)
        == "invalid_request"
    )


def test_errors_list_each_rejected_row_once_with_all_its_errors(planned: Planned) -> None:
    answer = planned.caller.get(f"/v1/imports/{planned.id}/errors")
    dan, eve = data_of(answer, 200)
    assert (dan["line"], dan["rejected"], dan["phase"], dan["raw"]) == (4, True, "prevalidation", None)
    assert dan["row"] == {
        "name": "Dan",
        "email": "nowhere",
        "phone": "12",
        "external_id": "e1",
        "alternate_emails.work": "",
        "groups.add": "",
    }
    assert [(one["field"], one["column"], one["value"]) for one in dan["errors"]] == [
        ("email", "email", "nowhere"),
        ("phone", "phone", "12"),
    ]
    assert {name: dan[name] for name in ("code", "field", "message")} == {
        name: dan["errors"][0][name] for name in ("code", "field", "message")
    }
    assert eve["errors"][0]["field"] == "alternate_emails.work"
    codes = answer.json()["pagination"]["codes"]
    assert codes == {"invalid_email": 2, "invalid_phone": 1}
    assert set(codes) <= set(ROW_CODES)
    for code, lines in {"invalid_email": [4, 5], "invalid_phone": [4], "malformed": []}.items():
        found = planned.caller.get(f"/v1/imports/{planned.id}/errors", params={"code": code})
        assert [one["line"] for one in data_of(found, 200)] == lines
        assert found.json()["pagination"]["total"] == len(lines)
    second = data_of(planned.caller.get(f"/v1/imports/{planned.id}/errors?limit=1&page=2"), 200)
    assert [one["line"] for one in second] == [5]


def test_errors_name_headers_and_keep_rows_apart_that_count(caller: httpx.Client) -> None:
    """Rows of which only a cell was left out are listed on request, and records that are no rows as they are."""
    import_id = _plan(
        caller,
        'Full Name;E-mail;Mobile;\nAda;ada@example.com;12;x\nBob;bob@;;y\n"Cid";cid@example.com;;z;too;many\n',
        bad_cells="leave_out",
    )
    url = f"/v1/imports/{import_id}/errors"
    rejected = data_of(caller.get(url), 200)
    assert [(one["line"], one["rejected"]) for one in rejected] == [(3, True), (4, True)]
    assert rejected[1]["raw"] == '"Cid";cid@example.com;;z;too;many'
    listed = data_of(caller.get(url, params={"left_out": True}), 200)
    assert [(one["line"], one["rejected"], one["field"]) for one in listed] == [
        (2, False, "phone"),
        (3, True, "email"),
        (4, True, None),
    ]
    assert listed[0]["column"] == "Mobile"
    assert listed[0]["row"] == {
        "Full Name": "Ada",
        "E-mail": "ada@example.com",
        "Mobile": "12",
        "column 4": "x",
    }
    assert data_of(caller.get(url, params={"code": "cell_left_out"}), 200) == listed[:1]


def test_imports_without_a_plan_or_without_errors(
    caller: httpx.Client, imports: Imports, workflow: ImportWorkflow
) -> None:
    done = imports.completed("name,email\nZoe,zoe@example.com\n")
    assert code_of(caller.get(f"/v1/imports/{done.id}/plan"), 409) == "no_plan"
    empty = caller.get(f"/v1/imports/{done.id}/errors")
    assert data_of(empty, 200) == []
    assert empty.json()["pagination"]["codes"] == {}
    planned = _plan(caller, "name,email\nAnn,ann@example.com\nBob,nowhere\n")
    assert len(data_of(caller.get(f"/v1/imports/{planned}/plan"), 200)) == 1
    folder = workflow.files(workflow.get(planned))
    for name in (PLAN_JSON, "errors.json"):
        folder.delete(name)
    assert code_of(caller.get(f"/v1/imports/{planned}/plan"), 409) == "no_plan"
    assert code_of(caller.get(f"/v1/imports/{planned}/errors"), 404) == "not_found"


def test_a_refused_overwrite_and_a_revert_have_plans(caller: httpx.Client, imports: Imports) -> None:
    imports.completed(STORED)
    refused = imports.run("name,email\nAda,ada@example.com\n", action="overwrite", max_deletions=1)
    assert refused.code == "too_many_deletions", refused.reason
    entries = data_of(caller.get(f"/v1/imports/{refused.id}/plan?operation=overwritten"), 200)
    assert [one["name"] for one in entries] == ['Bob "Bobby" Ray', "Änne Straße"]
    changed = imports.completed("name,email\nAda King,ada@example.com\n")
    planned = data_of(caller.post(f"/v1/imports/{changed.id}/revert", json={"dry_run": True}), 201)
    (entry,) = data_of(caller.get(f"/v1/imports/{planned['id']}/plan"), 200)
    assert (entry["operation"], entry["name"]) == ("updated", "Ada King")
    assert entry["changes"] == [
        {"field": "name", "old": "Ada King", "new": "Ada Lovelace"},
    ]


def test_the_revert_of_an_import_with_groups_has_them_in_its_plan(
    caller: httpx.Client, imports: Imports
) -> None:
    made = imports.completed(
        "name,email,groups.add\nAda,ada@example.com,Old\nBob,bob@example.com,New\n", missing_groups="create"
    )
    imports.completed("name,email,groups.add\nCid,cid@example.com,Old\nBob Ray,bob@example.com,\n")
    planned = data_of(caller.post(f"/v1/imports/{made.id}/revert", json={"dry_run": True}), 201)
    entries = data_of(caller.get(f"/v1/imports/{planned['id']}/plan"), 200)
    conflict, removed, *groups = entries
    assert (conflict["operation"], conflict["changes"]) == ("conflict", [])
    assert conflict["reason"].startswith("changed since by imp_")
    assert (removed["operation"], removed["name"]) == ("deleted", "Ada")
    assert {(one["operation"], one["name"], one["reason"]) for one in groups} == {
        ("groups_left", "New", "1 contact stays in it"),
        ("groups_left", "Old", "1 contact stays in it"),
    }


@pytest.mark.parametrize("path", ["plan", "errors"])
def test_another_organization_and_a_smaller_key_see_nothing(api: Api, planned: Planned, path: str) -> None:
    with api.caller(f"{planned.organization}-other") as theirs:
        other = theirs.get(f"/v1/imports/{planned.id}/{path}")
        assert code_of(other, 404) == "not_found"
        assert other.json()["message"] == theirs.get(f"/v1/imports/{NOBODY}/{path}").json()["message"]
    with api.caller(planned.organization, "imports:write") as writer:
        answer = writer.get(f"/v1/imports/{planned.id}/{path}")
        if path == "plan":
            assert code_of(answer, 403) == "forbidden"
            assert not [word for word in ("Bob", "Änne", "bob@example.com") if word in answer.text]
        else:
            assert len(data_of(answer, 200)) == 2, "they are the caller's own rows"
