"""The routes by which the grid of Mend gets its rows and sends corrected ones."""

from __future__ import annotations

import httpx
import pytest

from imports_pipeline_tests.api.serving import Api
from imports_pipeline_tests.pages.conftest import Keys
from imports_pipeline_tests.pages.test_send import imported
from imports_pipeline_tests.pages.test_sessions import signed_in

pytestmark = pytest.mark.browser

#: Nine rows with a bad email, the first of them in line 4.
BAD = b"name,E-mail\nAnn,a@example.com\nBob,b@example.com\n" + b"".join(
    b"P%d,nowhere\n" % number for number in range(9)
)


def test_what_the_routes_answer(pages_url: str, key: Keys, api: Api) -> None:
    import_id = imported(api, key(), BAD)["id"]
    path, rows = f"/imports/{import_id}/rejected", [{"line": 4, "row": {"E-mail": "x@example.com"}}]
    with httpx.Client(base_url=pages_url) as stranger:
        assert stranger.get(path).status_code == 401
        assert stranger.post(path, json={"rows": rows}).status_code == 401
    with signed_in(pages_url, key("contacts:read")) as nobody:
        assert nobody.get(path).status_code == 403
        assert nobody.post(path, json={"rows": rows}).status_code == 403
    with signed_in(pages_url, key("imports:write")) as writer:
        assert len(writer.get(path).json()["rows"]) == 9
        assert writer.post(path, json={"rows": rows}).json() == {"mended": 1}
        for wrong in ({}, {"rows": [{"line": "x", "row": {}}]}, {"rows": [{"line": 4, "row": {"a": 1}}]}, []):
            assert writer.post(path, json=wrong).status_code == 400
        assert writer.post(path, content=b"no json").status_code == 400
    with signed_in(pages_url, key("imports:read")) as other:
        assert not any(row["mended"] for row in other.get(path).json()["rows"]), (
            "corrections are of a session"
        )
