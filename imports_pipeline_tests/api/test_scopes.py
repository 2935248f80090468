"""What each scope opens: every operation of the API is tried by keys of every scope, and of those it needs together."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Final

import httpx
import pytest

from imports_pipeline.registry.api_keys import SCOPES
from imports_pipeline_tests.api.serving import Api, code_of, data_of
from imports_pipeline_tests.journeys import Imports

IMPORTS = frozenset({"imports:read"})
IMPORTS_WRITE = frozenset({"imports:write"})
BATCHES = frozenset({"batches:read"})
BATCHES_WRITE = frozenset({"batches:write"})

#: Operation → the scopes that a key needs for it, all of them. ``{contact_import}`` and the like stand for ids.
OPERATIONS: Final[Mapping[str, frozenset[str]]] = {
    # Any key will do for these two.
    "GET /v1/key": frozenset(),
    "GET /v1/resources": frozenset(),
    "GET /v1/imports": IMPORTS,
    "POST /v1/imports": IMPORTS_WRITE,
    "GET /v1/imports/{contact_import}": IMPORTS,
    "GET /v1/imports/{contact_import}?include_upload_csv=1": IMPORTS,
    "GET /v1/imports/{contact_import}?include_upload_json=1": IMPORTS,
    "GET /v1/imports/{contact_import}?include_errors_csv=1": IMPORTS,
    "GET /v1/imports/{contact_import}?include_errors_json=1": IMPORTS,
    "GET /v1/imports/{contact_import}?include_errors_xlsx=1": IMPORTS,
    "GET /v1/imports/{contact_import}?include_plan_csv=1": IMPORTS | {"contacts:read"},
    "GET /v1/imports/{contact_import}?include_plan_json=1": IMPORTS | {"contacts:read"},
    "GET /v1/imports/{contact_import}?include_result_json=1": IMPORTS | {"contacts:read"},
    "GET /v1/imports/{group_import}?include_plan_csv=1": IMPORTS | {"groups:read"},
    "GET /v1/imports/{group_import}?include_plan_json=1": IMPORTS | {"groups:read"},
    "GET /v1/imports/{group_import}?include_result_json=1": IMPORTS | {"groups:read"},
    "GET /v1/imports/{contact_import}/errors": IMPORTS,
    "GET /v1/imports/{contact_import}/rows": IMPORTS,
    "GET /v1/imports/{contact_import}/progress": IMPORTS,
    "GET /v1/imports/{contact_import}/plan": IMPORTS | {"contacts:read"},
    "GET /v1/imports/{group_import}/plan": IMPORTS | {"groups:read"},
    "POST /v1/imports/{contact_import}/cancel": IMPORTS_WRITE,
    "POST /v1/imports/{contact_import}/revert": IMPORTS_WRITE,
    "POST /v1/imports/{contact_import}/approve": frozenset({"imports:approve"}),
    "POST /v1/imports/{contact_import}/reject": frozenset({"imports:approve"}),
    "POST /v1/imports/{contact_import}/commit": IMPORTS_WRITE,
    "POST /v1/imports/{contact_import}/corrections": IMPORTS_WRITE,
    "GET /v1/batches": BATCHES,
    "POST /v1/batches": BATCHES_WRITE,
    "GET /v1/batches/{batch}": BATCHES,
    "GET /v1/batches/{batch}?include_errors_csv=1": BATCHES,
    "GET /v1/batches/{batch}?include_errors_json=1": BATCHES,
    "GET /v1/batches/{batch}?include_plan_csv=1": BATCHES | {"contacts:read"},
    "GET /v1/batches/{batch}?include_plan_json=1": BATCHES | {"contacts:read"},
    "GET /v1/batches/{batch}?include_result_json=1": BATCHES | {"contacts:read"},
    "POST /v1/batches/{batch}/cancel": BATCHES_WRITE,
    "POST /v1/batches/{batch}/revert": BATCHES_WRITE,
    "POST /v1/batches/{batch}/approve": frozenset({"imports:approve"}),
    "POST /v1/batches/{batch}/reject": frozenset({"imports:approve"}),
    # The batch of an import shows its counts; its files and its writes are the import's.
    "GET /v1/batches/{batch_of_import}": BATCHES,
    "GET /v1/batches/{batch_of_import}?include_errors_csv=1": BATCHES | IMPORTS,
    "GET /v1/batches/{batch_of_import}?include_errors_json=1": BATCHES | IMPORTS,
    "GET /v1/batches/{batch_of_import}?include_errors_xlsx=1": BATCHES | IMPORTS,
    "GET /v1/batches/{batch_of_import}?include_plan_csv=1": BATCHES | IMPORTS | {"contacts:read"},
    "POST /v1/batches/{batch_of_import}/cancel": BATCHES_WRITE | IMPORTS_WRITE,
    "POST /v1/batches/{batch_of_import}/revert": BATCHES_WRITE | IMPORTS_WRITE,
    "GET /v1/contacts": frozenset({"contacts:read"}),
    "GET /v1/contacts/ctct_00000000000000000000000000": frozenset({"contacts:read"}),
    "GET /v1/groups": frozenset({"groups:read"}),
    "GET /v1/groups/grp_00000000000000000000000000": frozenset({"groups:read"}),
    "GET /v1/locations": frozenset({"locations:read"}),
    "GET /v1/locations/loc_00000000000000000000000000": frozenset({"locations:read"}),
    "POST /v1/locations": frozenset({"locations:write"}),
}
#: They ask for no key: a signed URL is one, and health is nobody's secret.
OPEN: Final = {"GET /healthz", "GET /readyz", "GET /v1/files/{token}", "PUT /v1/files/{token}"}


@pytest.fixture
def ids(caller: httpx.Client) -> dict[str, str]:
    """Plan an import of each resource and a batch; there is nothing in them to take back."""
    body = {"mode": "sync", "dry_run": True}
    people = [{"name": "Ada"}, {"name": "Bob", "email": "nowhere"}]
    contacts = data_of(caller.post("/v1/imports", json={**body, "resource": "contact", "data": people}), 201)
    groups = [{"name": "Staff", "resource": "contact"}]
    return {
        "contact_import": contacts["id"],
        "batch_of_import": contacts["batch_id"],
        "group_import": data_of(
            caller.post("/v1/imports", json={**body, "resource": "group", "data": groups}), 201
        )["id"],
        "batch": data_of(
            caller.post("/v1/batches", json={**body, "resource": "contact", "items": people}), 201
        )["id"],
    }


def test_each_operation_takes_the_scopes_it_names_and_no_others(
    api: Api, organization: str, ids: dict[str, str]
) -> None:
    with api.caller(organization) as all_of_them:
        keys = {scope: api.caller(organization, scope) for scope in SCOPES}
        try:
            for operation, needed in OPERATIONS.items():
                method, path = operation.format_map(ids).split()
                for scope, one in keys.items():
                    opened = needed <= _included(scope)
                    status = one.request(method, path, json=_body(method, path)).status_code
                    assert (status != 403) is opened, f"{operation} with {scope}: {status}"
                with api.caller(organization, *needed) as enough:
                    answer = enough.request(method, path, json=_body(method, path))
                    assert answer.status_code != 403, f"{operation} with {sorted(needed)}: {answer.text}"
                for left_out in needed:
                    with api.caller(organization, *(set(SCOPES) - _including(left_out))) as rest:
                        refused = rest.request(method, path, json=_body(method, path))
                        assert code_of(refused, 403) == "forbidden", f"{operation} without {left_out}"
                        assert left_out in refused.json()["message"]
                assert all_of_them.request(method, path, json=_body(method, path)).status_code != 403
        finally:
            for one in keys.values():
                one.close()


def _included(scope: str) -> set[str]:
    """Return a scope with the one that it includes."""
    return {scope, scope.replace(":write", ":read")}


def _including(scope: str) -> set[str]:
    """Return a scope with the one that includes it."""
    return {scope, scope.replace(":read", ":write")}


def _body(method: str, path: str) -> dict[str, str] | None:
    """Return a body that no operation takes, so that one that is allowed makes nothing; none for a revert."""
    return {"nothing": "of that name"} if method == "POST" and path.count("/") == 2 else None


def test_no_operation_is_left_out(api: Api) -> None:
    """An operation that is added has to be entered above, or be open to all on purpose."""
    document = httpx.get(f"{api.url}/openapi.json").json()
    declared = {
        f"{method.upper()} {path}" for path, operations in document["paths"].items() for method in operations
    }
    shown = {_pattern(operation) for operation in OPERATIONS}
    assert {_pattern(operation) for operation in declared - OPEN} == shown


def _pattern(operation: str) -> str:
    """Return an operation without its query, with ``{}`` for each id."""
    parts = operation.partition("?")[0].split("/")
    return "/".join("{}" if "_" in part or part == "{batch}" else part for part in parts)


def test_who_may_only_import_reads_no_stored_record(
    api: Api, organization: str, imports: Imports, caller: httpx.Client
) -> None:
    """A planned overwrite lists every record that would go; the key that asks for it sees their number alone."""
    imports.completed("name,email,notes\nAda,ada@example.com,a secret\nBob,bob@example.com,another\n")
    with api.caller(organization, "imports:write") as writer:
        body = {"resource": "contact", "action": "overwrite", "dry_run": True, "data": [{"name": "Cid"}]}
        answer = writer.post("/v1/imports", json=body)
        plan = data_of(answer, 201)
        assert (plan["stats"]["overwritten"], plan["stats"]["created"]) == (2, 1)
        wanted = {f"include_{name}": True for name in ("plan_csv", "plan_json", "result_json")}
        refused = [writer.get(f"/v1/imports/{plan['id']}", params={name: True}) for name in wanted]
        assert [code_of(one, 403) for one in refused] == ["forbidden"] * 3
        for text in (answer.text, *(one.text for one in refused)):
            assert not [word for word in ("Ada", "bob@example.com", "secret") if word in text]
    shown = data_of(caller.get(f"/v1/imports/{plan['id']}", params=wanted), 200)
    lines = list(csv.DictReader(io.StringIO(httpx.get(shown["_plan_csv_url"]).text)))
    assert [line["operation"] for line in lines].count("overwritten") == 2, "who may read has it"


def test_keys_of_batches_do_not_reach_imports_of_files(
    api: Api, organization: str, imports: Imports, caller: httpx.Client
) -> None:
    body = {"resource": "contact", "mode": "sync", "data": [{"name": "Ada"}, {"name": "B", "email": "x"}]}
    import_ = data_of(caller.post("/v1/imports", json=body), 201)
    path = f"/v1/batches/{import_['batch_id']}"
    with api.caller(organization, "batches:write") as batches:
        assert data_of(batches.get(path), 200)["stats"]["rejected"] == 1, "it shows its counts"
        assert code_of(batches.get(path, params={"include_errors_csv": True}), 403) == "forbidden"
        assert code_of(batches.post(f"{path}/revert"), 403) == "forbidden"
        assert len(imports.records()) == 1
    assert data_of(caller.post(f"{path}/revert"), 201)["reverts"] == import_["id"]
    assert imports.records() == []
