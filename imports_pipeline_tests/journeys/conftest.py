"""What is stored before the imports of several modules."""

from __future__ import annotations

import pytest

from imports_pipeline_tests.journeys.imports import Imports


@pytest.fixture
def stored(imports: Imports) -> Imports:
    imports.completed("name,resource\nStaff,contact\n", "group")
    imports.completed(
        "name,email,external_id\nBob,bob@example.com,E-2\nCid,cid@example.com,E-3\nDee,dee@example.com,E-4\n"
    )
    return imports
