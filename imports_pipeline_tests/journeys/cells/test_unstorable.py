"""Text that PostgreSQL cannot hold, wherever it stands in a file: never a fault of the machine."""

from __future__ import annotations

import json

import pytest

from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.journeys import Imports

ANN = "name,email\nAnn,ann@example.com\n"
FILES = {
    "a NUL in a header": b"name,em\0ail\nAnn,ann@example.com\n",
    "a NUL in an ignored header": b"name,email,x\0y\nAnn,ann@example.com,\n",
    "a NUL in a metadata key": b"name,email,metadata.a\0b\nAnn,ann@example.com,1\n",
    "a NUL above the header": b"a report\0\nname,email\nAnn,ann@example.com\n",
    "a NUL in a reference": b"name,email,groups\nAnn,ann@example.com,St\0aff\nBob,bob@example.com,\n",
    "a lone surrogate in a cell": "name,email,notes\nAnn,ann@example.com,\ud800\nBob,bob@example.com,\n".encode(
        "utf-16", "surrogatepass"
    ),
    "a lone surrogate in a header": "name,email,\udc00\nAnn,ann@example.com,\n".encode(
        "utf-16", "surrogatepass"
    ),
    "a surrogate written as UTF-8": b"name,email\nAnn,ann@example.com\nB\xed\xa0\x80b,bob@example.com\n",
    "noncharacters": "name,email,metadata.\ufffe\nAnn\uffff,ann@example.com,\U0010ffff\n".encode(),
}


@pytest.mark.parametrize("case", FILES)
@pytest.mark.parametrize("action", ["merge", "overwrite"])
def test_text_that_cannot_be_stored(imports: Imports, case: str, action: str) -> None:
    imports.completed(ANN)
    import_ = imports.run(FILES[case], action=action)
    assert import_.code in (None, "no_valid_row", "not_a_table", "no_header", "missing_column"), (
        import_.reason
    )
    assert imports.names()[0].startswith("Ann"), "a bad row never removes its record"
    shown = json.dumps(import_.as_object())
    assert "\\u0000" not in shown
    assert "\\ud800" not in shown
    if "groups" in FILES[case].decode("utf-8", "replace"):
        assert import_.status is Status.COMPLETED
