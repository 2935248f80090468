"""The documents say what the code does: every error code is in docs/reference/errors.md, and nothing else is."""

import re
from pathlib import Path

from imports_pipeline.api.responses.envelope import API_CODES
from imports_pipeline.model.errors import IMPORT_CODES, ROW_CODES
from imports_pipeline.model.notices import NOTICE_CODES

DOCS = Path(__file__).parents[1] / "docs"


def test_every_error_code_is_documented_with_its_meaning():
    rows, rest = (DOCS / "reference/errors.md").read_text().split("## Imports")
    imports, rest = rest.split("## Notices")
    notices, api = rest.split("## The HTTP API")
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", rows, re.M)) == ROW_CODES
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", imports, re.M)) == IMPORT_CODES
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", notices, re.M)) == NOTICE_CODES
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", api, re.M)) == API_CODES
