"""Which tests run in one worker."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

from imports_pipeline.dagster_runtime.dagster_environment import project_root
from imports_pipeline_tests.scheduling import ALONE, TOGETHER, Scheduling, scope_of


def test_tests_that_share_something_are_of_one_scope() -> None:
    pages = [f"imports_pipeline_tests/pages/{name}.py::test[1]" for name in ("test_send", "test_mend")]
    assert len({scope_of(test) for test in pages}) == 1
    others = [
        f"{path}::test"
        for path in (
            "imports_pipeline_tests/test_docs.py",
            "imports_pipeline_tests/defs/test_runs.py",
            *ALONE,
        )
    ]
    assert len({scope_of(test) for test in [*pages, *others]}) == 1 + len(others)


@pytest.mark.parametrize("path", [*TOGETHER, *ALONE])
def test_their_places_exist(path: str) -> None:
    assert (project_root() / path).exists()


def test_it_is_used(pytestconfig: pytest.Config) -> None:
    """Relies on a private method of pytest-xdist: without it each test would be of the scope of its module."""
    assert Scheduling._split_scope is not LoadScopeScheduling._split_scope
    found = pytestconfig.hook.pytest_xdist_make_scheduler.get_hookimpls()
    assert any(str(one.plugin_name).endswith("conftest.py") for one in found)
