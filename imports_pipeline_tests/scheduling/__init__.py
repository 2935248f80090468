"""Which tests run in one worker of pytest-xdist, because they share what is expensive to start.

The marker ``xdist_group`` of pytest-xdist 3.8 has no effect with pytest 9.2, without a warning: pytest no longer reads
the attribute that the group is added to. This scheduler decides by the path of a test.
"""

from __future__ import annotations

from typing import Final

from xdist.scheduler import LoadScopeScheduling

#: Where the tests are, and what they share.
TOGETHER: Final = {
    "imports_pipeline_tests/api/": "an API",
    "imports_pipeline_tests/cli/test_warm.py": "a warm process",
    "imports_pipeline_tests/dagster_pages/": "a whole system, and a browser",
    "imports_pipeline_tests/dagster_runtime/test_run_launcher.py": "a daemon",
    "imports_pipeline_tests/pages/": "an API, pages and a browser",
}
#: These start an API of their own each.
ALONE: Final = ("imports_pipeline_tests/api/test_access.py", "imports_pipeline_tests/api/test_small_bombs.py")


def scope_of(nodeid: str) -> str:
    """Return what a test shares with others, or the test's own name. Tests of one scope run in one worker."""
    if nodeid.startswith(ALONE):
        return nodeid
    return next((shared for path, shared in TOGETHER.items() if nodeid.startswith(path)), nodeid)


class Scheduling(LoadScopeScheduling):
    """Hands out the largest scopes first, then single tests as they are collected."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)
