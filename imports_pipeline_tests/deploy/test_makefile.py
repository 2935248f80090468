"""What `make` installs: for `make run` what running needs, for tests and checks everything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from imports_pipeline.dagster_runtime.dagster_environment import project_root


def planned(target: str) -> str:
    """Return the commands that make would run where nothing is installed."""
    # Without the variables of the `make` that may run these tests.
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", target],
        cwd=project_root(),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("target", ["run", "dev"])
def test_running_needs_no_tools_of_development(target: str) -> None:
    assert "deploy/pip_progress.py --no-compile -e '.[pages]'\n" in planned(target)
    assert "dev]" not in planned(target)


@pytest.mark.parametrize("target", ["setup", "test", "test-others", "check", "coverage-rules"])
def test_the_targets_of_ci_install_all_they_need(target: str) -> None:
    assert "deploy/pip_progress.py --no-compile -e '.[dev]'\n" in planned(target)


def test_ci_runs_every_test_once() -> None:
    """`make coverage-rules` and `make test-others` together run what `make test` runs."""
    measured = planned("coverage-rules").split("--cov-report=term")[1].replace("\\", "").split()
    others = planned("test-others").split()
    assert [path for path in others if path.startswith("--ignore=")] == [
        f"--ignore={path}" for path in measured
    ]
    assert others[-1] == "imports_pipeline_tests"
    assert "--ignore" not in planned("test")


def test_what_pip_says_is_shown_if_it_fails(tmp_path: Path) -> None:
    script = project_root() / "deploy" / "pip_progress.py"
    (tmp_path / "pyproject.toml").write_text("not toml")
    done = subprocess.run(
        [sys.executable, script, "--no-index", "--no-deps", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "failed" in done.stdout
    assert "ERROR" in done.stderr
