"""Whose key it is decides everything: scopes, organizations, revocation, and how often a caller may ask."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest

from imports_pipeline.api.throttle import FailedAttempts, RateLimit
from imports_pipeline.database.migrations import migrate
from imports_pipeline.database.row_security import Access, DatabaseUnavailable
from imports_pipeline.database.server_url import database
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests import forked_commands
from imports_pipeline_tests.api.serving import Api, code_of, data_of, serving
from imports_pipeline_tests.system import environment

PERSON = {"resource": "contact", "mode": "sync", "data": [{"name": "Ada", "email": "ada@example.com"}]}


def test_a_key_is_needed_and_its_scopes_count(api: Api, organization: str) -> None:
    assert code_of(httpx.get(f"{api.url}/v1/imports/x"), 401) == "unauthorized"
    with api.caller(organization, "imports:read") as reader:
        assert code_of(reader.post("/v1/imports", json=PERSON), 403) == "forbidden"
        assert code_of(reader.get("/v1/imports/nothing"), 404) == "not_found"
    with api.caller(organization, "contacts:read") as other:
        assert code_of(other.get("/v1/imports/nothing"), 403) == "forbidden"
    with api.caller(organization, "imports:write") as writer:
        assert code_of(writer.get("/v1/imports/nothing"), 404) == "not_found", "who writes may read"
        key = writer.headers.pop("X-API-KEY")
        assert code_of(writer.get("/v1/imports/nothing", headers={"PX-API-KEY": key}), 404) == "not_found"


@pytest.mark.parametrize("path", ["", "/cancel", "/revert"])
def test_another_organizations_import_is_not_there(api: Api, organization: str, path: str) -> None:
    with api.caller(organization) as ours, api.caller(f"{organization}-other") as theirs:
        import_ = data_of(ours.post("/v1/imports", json=PERSON), 201)
        method = "POST" if path else "GET"
        url = f"/v1/imports/{import_['id']}{path}"
        assert code_of(theirs.request(method, url), 404) == "not_found"
        assert (
            theirs.request(method, url).json()["message"]
            == (theirs.request(method, f"/v1/imports/imp_{'0' * 26}{path}").json()["message"])
        )
        assert data_of(ours.get(f"/v1/imports/{import_['id']}"), 200)["status"] == "completed"


def test_an_idempotency_key_is_the_organizations_own(api: Api, organization: str) -> None:
    with api.caller(organization) as ours, api.caller(f"{organization}-other") as theirs:
        headers = {"Idempotency-Key": "nightly"}
        first = data_of(ours.post("/v1/imports", json=PERSON, headers=headers), 201)
        second = data_of(theirs.post("/v1/imports", json=PERSON, headers=headers), 201)
        assert first["id"] != second["id"]


def test_the_second_wall_stands_without_the_first(
    workflow: ImportWorkflow, api: Api, organization: str
) -> None:
    """A statement that forgets its organization sees and writes nothing of another."""
    with api.caller(organization) as ours:
        data_of(ours.post("/v1/imports", json=PERSON), 201)
    access = Access(workflow.database.url)
    access.open()
    try:
        for table in ("contacts", "imports", "batches"):
            with access.of(organization) as connection:
                assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,), table
            with access.of(f"{organization}-other") as connection:
                assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege),
            access.of(f"{organization}-other") as connection,
        ):
            connection.execute(
                "INSERT INTO locations (organization_id, id, name) VALUES (%s, 'loc_x', 'x')", (organization,)
            )
        with access.trusted() as connection:
            assert connection.execute("SELECT current_user = 'imports_api'").fetchone() == (False,), "reset"
    finally:
        access.close()


def test_keys_are_made_listed_and_revoked(api: Api, workflow: ImportWorkflow, organization: str) -> None:
    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return forked_commands.run_text(
            ["keys", *arguments],
            env=environment(workflow.settings.home, {"DATABASE_URL": workflow.database.url}),
        )

    made = command(
        "create", "--organization", organization, "--scope", "imports:read", "--expires", "2h", "--json"
    )
    key = json.loads(made.stdout)
    headers = {"X-API-KEY": key["key"]}
    assert code_of(httpx.get(f"{api.url}/v1/imports/x", headers=headers), 404) == "not_found"
    listed = command("list", "--organization", organization, "--json")
    assert [one["id"] for one in json.loads(listed.stdout)] == [key["id"]]
    assert key["key"] not in listed.stdout
    with workflow.database.connect() as connection:
        stored = connection.execute(
            "SELECT api_keys::text FROM api_keys WHERE id = %s", (key["id"],)
        ).fetchone()
        assert stored is not None
        assert key["key"].rpartition("_")[2] not in stored[0]
    assert 7000 < key["expires_at"] - key["created_at"] <= 7300
    with workflow.database.connect() as connection:
        connection.execute("UPDATE api_keys SET expires_at = now() WHERE id = %s", (key["id"],))
    assert code_of(httpx.get(f"{api.url}/v1/imports/x", headers=headers), 401) == "unauthorized", "expired"
    lasting = command("create", "--organization", organization, "--scope", "imports:write").stdout.strip()
    headers = {"X-API-KEY": lasting}
    assert code_of(httpx.get(f"{api.url}/v1/imports/x", headers=headers), 404) == "not_found"
    assert command("revoke", lasting.split("_")[1]).returncode == 0
    assert code_of(httpx.get(f"{api.url}/v1/imports/x", headers=headers), 401) == "unauthorized", "revoked"
    assert "there is no scope" in command("create", "--scope", "everything").stderr
    assert command("revoke", "0123").returncode == 1


def test_a_key_has_its_rate_and_wrong_keys_hold_up_no_other(
    workflow: ImportWorkflow, organization: str
) -> None:
    settings = {"IMPORTS_API_RATE": "5", "IMPORTS_API_WORKERS": "1"}
    with serving(workflow.database.url, workflow.settings.home, settings) as own:
        with own.caller(organization) as caller:
            answers = [caller.get("/v1/imports/x") for _ in range(8)]
        assert [answer.status_code for answer in answers[:5]] == [404] * 5
        assert code_of(answers[-1], 429) == "rate_limited"
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
        wrong = {"X-API-KEY": f"ipk_{'0' * 16}_{'A' * 43}"}

        def guess(_: int) -> httpx.Response:
            return httpx.get(f"{own.url}/v1/imports/x", headers=wrong, timeout=60)

        with ThreadPoolExecutor(24) as threads:
            refused = list(threads.map(guess, range(24)))
        assert {answer.status_code for answer in refused} == {401, 429}
        last = guess(0)
        assert code_of(last, 429) == "too_many_failures"
        assert 1 <= int(last.headers["Retry-After"]) <= 60
        with own.caller(organization) as other:
            assert code_of(other.get("/v1/imports/x"), 404) == "not_found", "from the same address"


def test_a_database_user_who_is_no_superuser_has_the_second_wall_too(tmp_path: Path) -> None:
    """On a server of its own: roles belong to the server, and on the others somebody else has made this one."""
    with database(tmp_path, {}) as server:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute("CREATE ROLE owner LOGIN CREATEROLE PASSWORD 'secret'")
            connection.execute("CREATE DATABASE owned OWNER owner")
            connection.execute("CREATE ROLE stranger LOGIN PASSWORD 'secret'")
            connection.execute("CREATE DATABASE strange OWNER stranger")
        host = server.rpartition("@")[2].rpartition("/")[0]
        for user, name, works in (("owner", "owned", True), ("stranger", "strange", False)):
            url = f"postgresql://{user}:secret@{host}/{name}"
            migrate(url)
            access = Access(url)
            access.open()
            try:
                if works:
                    access.check()
                    with access.of("somebody") as connection:
                        assert connection.execute("SELECT count(*) FROM contacts").fetchone() == (0,)
                else:
                    with pytest.raises(DatabaseUnavailable, match="may not act as it"):
                        access.check()
            finally:
                access.close()


def test_the_counters_forgive_with_time() -> None:
    now = [0.0]
    failures = FailedAttempts(lambda: now[0])
    delays = []
    for _ in range(20):
        delays.append(failures.delay("address"))
        assert not failures.blocked("address")
        failures.note("address")
    assert delays[:4] == [0, 0, 0, 0]
    assert delays == sorted(delays)
    assert max(delays) == 2
    assert failures.blocked("address") == 60
    assert failures.blocked("another") == 0
    now[0] = 61
    assert failures.blocked("address") == failures.delay("address") == 0
    rate = RateLimit(60, lambda: now[0])
    assert [rate.wait("key") for _ in range(61)] == [0] * 60 + [1]
    now[0] += 1
    assert [rate.wait("key"), rate.wait("key"), rate.wait("another")] == [0, 1, 0]
