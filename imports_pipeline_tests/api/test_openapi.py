"""The OpenAPI document: what it says holds, its examples work, and no request that it allows is a 500."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from imports_pipeline.api.responses.openapi import BATCH_EXAMPLES, IMPORT_EXAMPLES
from imports_pipeline_tests.api.serving import Api, data_of

#: Generated requests of each operation; `make soak` sends more.
EXAMPLES = int(os.environ.get("OPENAPI_EXAMPLES") or 20)
CHECKS = (
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)


@pytest.mark.parametrize(
    ("path", "title"),
    [*(("imports", title) for title in IMPORT_EXAMPLES), *(("batches", title) for title in BATCH_EXAMPLES)],
)
def test_every_example_works(caller: httpx.Client, path: str, title: str) -> None:
    example = {**IMPORT_EXAMPLES, **BATCH_EXAMPLES}[title]
    answer = caller.post(f"/v1/{path}", json=example)
    assert answer.status_code in (201, 202), answer.text
    import_ = data_of(answer, answer.status_code)
    assert import_["status"] in ("completed", "requested")


@pytest.mark.long
def test_every_operation_answers_as_it_declares(api: Api, caller: httpx.Client) -> None:
    """Generated requests, valid and not; of each operation some."""
    document = httpx.get(f"{api.url}/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig())
    seen = set()
    for result in schema.get_all_operations():
        operation = result.ok()
        seen.add(f"{operation.method.upper()} {operation.path}")
        _try(operation, api, caller)
    assert {
        "POST /v1/imports",
        "POST /v1/batches",
        "GET /v1/contacts",
        "GET /v1/imports/{import_id}",
        "PUT /v1/files/{token}",
    } <= seen


def _try(operation: Any, api: Api, caller: httpx.Client) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(case=operation.as_strategy())
    def once(case: Any) -> None:
        response = case.call(base_url=api.url, headers=dict(caller.headers), timeout=60)
        case.validate_response(response, checks=CHECKS)

    once()


def test_every_property_and_parameter_is_described(api: Api) -> None:
    document = httpx.get(f"{api.url}/openapi.json").json()
    described = list(_descriptions(document, "#"))
    assert [where for where, text in described if not text.strip()] == []
    assert len(described) > 200, "properties of schemas and parameters of operations"


def _descriptions(node: Any, where: str) -> Iterator[tuple[str, str]]:
    """Yield the place and the description of every schema property and every parameter; examples are left out."""
    if isinstance(node, list):
        for number, one in enumerate(node):
            yield from _descriptions(one, f"{where}/{number}")
        return
    if not isinstance(node, dict):
        return
    if isinstance(node.get("in"), str) and "schema" in node:
        yield f"{where} ({node['name']})", node.get("description", "")
    for key, value in node.items():
        if key in ("example", "examples", "enum"):
            continue
        # A schema may have a property that is called "properties" (that of a batch).
        if key == "properties" and where.rpartition("/")[2] != "properties":
            for name, schema in value.items():
                yield f"{where}/{key}/{name}", schema.get("description", "")
        yield from _descriptions(value, f"{where}/{key}")
