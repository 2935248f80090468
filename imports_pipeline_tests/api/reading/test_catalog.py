"""What a caller can use: its key, and the resources with their fields and options."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from imports_pipeline.api.responses.openapi import options_schema
from imports_pipeline.registry import api_keys
from imports_pipeline.schemas.catalog import CONTACT, GROUP, RESOURCES, Resource
from imports_pipeline.schemas.column_mapping.headers.aliases import candidates
from imports_pipeline.schemas.column_mapping.headers.known_headers import known_headers
from imports_pipeline_tests.api.serving import Api, code_of, data_of


def test_a_key_says_what_it_is(api: Api, organization: str) -> None:
    ends = datetime.now(UTC) + timedelta(hours=2)
    with api.database.connect() as connection:
        made, text = api_keys.create(
            connection, organization, ["imports:write", "contacts:read"], name="people desk", expires_at=ends
        )
    shown = data_of(httpx.get(f"{api.url}/v1/key", headers={"X-API-KEY": text}), 200)
    assert shown == {
        "object": "key",
        "id": made.id,
        "organization": organization,
        "name": "people desk",
        "scopes": ["contacts:read", "imports:write"],
        "expires_at": int(ends.timestamp()),
    }
    assert shown["expires_at"] > time.time()
    for path in ("key", "resources"):
        assert code_of(httpx.get(f"{api.url}/v1/{path}"), 401) == "unauthorized"
    with api.caller(organization, "locations:read") as smallest:
        assert data_of(smallest.get("/v1/key"), 200)["expires_at"] is None
        assert len(data_of(smallest.get("/v1/resources"), 200)) == len(RESOURCES)


def test_resources_have_the_fields_and_options_of_imports(caller: httpx.Client) -> None:
    contact, group = data_of(caller.get("/v1/resources"), 200)
    assert [(one["name"], one["label"], one["plural"]) for one in (contact, group)] == [
        ("contact", "Contact", "Contacts"),
        ("group", "Group", "Groups"),
    ]
    fields = {field["name"]: field for field in contact["fields"]}
    assert list(fields) == [*CONTACT.by_name, "metadata.KEY"]
    assert {name for name, one in fields.items() if one["repeated"]} == {
        f"{name}.{operation}" for name in ("groups", "locations") for operation in ("set", "add", "remove")
    }
    assert [name for name, one in fields.items() if one["identity"]] == [
        "id",
        "name",
        "email",
        "phone",
        "external_id",
    ]
    labels = {name: one["label"] for name, one in fields.items()}
    assert (labels["id"], labels["external_id"], labels["id_number"]) == ("ID", "External ID", "ID number")
    assert labels["alternate_addresses.home_line2"] == "Alternate addresses (home line 2)"
    assert {"work_email", "business_email"} <= set(fields["alternate_emails.work"]["aliases"])
    assert {"téléphone principal", "telefon"} <= {one.lower() for one in fields["phone"]["aliases"]}
    assert next(one for one in group["fields"] if one["name"] == "resource")["choices"] == [
        "contact",
        "location",
    ]
    options = {option["name"]: option for option in contact["options"]}
    assert list(options) == list(options_schema())
    assert options["action"]["choices"] == ["merge", "overwrite", "delete"], "nobody asks for a revert so"
    assert options["bad_cells"]["default"] == "reject", "what holds if nothing is known about the file"
    assert (options["match_on"]["type"], options["dry_run"]["type"]) == ("array", "boolean")
    described = [*contact["fields"], *group["fields"], *contact["options"]]
    assert all(one["description"].endswith(".") for one in described)


@pytest.mark.parametrize("resource", [CONTACT, GROUP], ids=lambda resource: resource.name)
def test_no_header_is_said_to_mean_a_field_that_it_is_not(resource: Resource) -> None:
    for field, headers in known_headers(resource).items():
        for header in headers:
            meant = candidates(header, resource)
            assert not meant or field in meant, (field, header)
