"""``IMPORTS_DEPLOYMENT`` and the commands that become the processes of a deployment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from imports_pipeline.dagster_runtime.dagster_environment import dagster_home, project_root
from imports_pipeline.settings import Settings

_ENGINES = ("celery", "kombu", "redis", "dagster_celery", "kubernetes", "dagster_k8s", "dask", "distributed")
_LOADED = f"print(sorted(set({_ENGINES}) & set(sys.modules)))"
_MAIN = "from imports_pipeline.cli import main; main()"


def python(program: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    named = ("DATABASE_URL", "CELERY_BROKER_URL", "IMPORTS_DEPLOYMENT", "DAGSTER_HOME")
    environ = {name: value for name, value in os.environ.items() if name not in named}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        env={**environ, **settings},
        check=False,
    )


def test_nothing_of_a_cluster_is_imported_unless_it_is_chosen(tmp_path: Path) -> None:
    modules = ", ".join(
        ".".join(path.relative_to(project_root()).with_suffix("").parts)
        for path in sorted((project_root() / "imports_pipeline").rglob("*.py"))
        if path.name not in ("celery_launcher.py", "celery_worker.py", "env.py", "__init__.py")
        and "migrations" not in path.parts
        # A process of its own, whose library looks for message brokers.
        and "pages" not in path.parts
    )
    done = python(f"import sys, {modules}; {_LOADED}", IMPORTS_HOME=str(tmp_path))
    assert done.stdout == "[]\n", done.stderr[-2000:]


def test_a_deployment_is_a_folder_of_deploy_or_a_path(tmp_path: Path) -> None:
    assert dagster_home() == project_root() / "imports_pipeline" / "dagster_runtime" / "instance"
    assert dagster_home("celery") == project_root() / "deploy" / "celery"
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    assert dagster_home(str(tmp_path)) == tmp_path
    with pytest.raises(FileNotFoundError, match=r"'nomad'.*the path of its folder, or celery"):
        dagster_home("nomad")
    assert Settings.read({"IMPORTS_DEPLOYMENT": "celery"}).deployment == "celery"


def test_the_deployments_differ_in_what_they_must() -> None:
    here, celery = (
        yaml.safe_load((folder / "dagster.yaml").read_text())
        for folder in (dagster_home(), dagster_home("celery"))
    )
    assert _differences(here, celery) == {
        "run_launcher.class",
        "run_launcher.config",
        "run_launcher.module",
        "run_coordinator.class",
        "run_coordinator.module",
        "compute_logs.class",
        "compute_logs.config",
        "compute_logs.module",
        "concurrency.runs.max_concurrent_runs",
        "concurrency.runs.tag_concurrency_limits",
        "run_monitoring.start_timeout_seconds",
    }


@pytest.mark.parametrize("deployment", ["", "celery"])
def test_no_organization_has_all_places(deployment: str) -> None:
    runs = yaml.safe_load((dagster_home(deployment) / "dagster.yaml").read_text())["concurrency"]["runs"]
    limits = {one["key"]: one for one in runs["tag_concurrency_limits"]}
    assert set(limits) == {".dagster/imports_write_lock", ".dagster/imports_organization"}
    assert all(one["value"] == {"applyLimitPerUniqueValue": True} for one in limits.values())
    assert limits[".dagster/imports_write_lock"]["limit"] == 1
    assert 1 < limits[".dagster/imports_organization"]["limit"] < runs["max_concurrent_runs"]


def test_a_worker_says_what_is_missing(tmp_path: Path) -> None:
    hidden = f"import sys; sys.modules['dagster_celery'] = None; {_MAIN}"
    done = python(hidden, "worker", IMPORTS_HOME=str(tmp_path))
    assert (done.returncode, "pip install 'imports-pipeline[celery]'" in done.stderr) == (1, True)
    done = python(_MAIN, "worker", IMPORTS_HOME=str(tmp_path))
    assert (done.returncode, "CELERY_BROKER_URL" in done.stderr) == (1, True)
    done = python(_MAIN, "worker", IMPORTS_HOME=str(tmp_path), CELERY_BROKER_URL="redis://127.0.0.1:1/0")
    assert (done.returncode, "DATABASE_URL is not set" in done.stderr) == (1, True)


def test_exec_becomes_the_program_in_the_environment_of_dagster(tmp_path: Path, database_url: str) -> None:
    settings = {"IMPORTS_HOME": str(tmp_path), "DATABASE_URL": database_url, "IMPORTS_DEPLOYMENT": "celery"}
    done = python(_MAIN, "exec", "python", "-c", "import os; print(os.environ['DAGSTER_HOME'])", **settings)
    assert done.stdout == f"{dagster_home('celery')}\n", done.stderr
    assert python(_MAIN, "exec", "python", "-c", "raise SystemExit(7)", **settings).returncode == 7
    done = python(_MAIN, "exec", "no-such-program", **settings)
    assert (done.returncode, "the program no-such-program is neither installed" in done.stderr) == (1, True)


def test_the_tables_are_made_by_a_command(tmp_path: Path, database_url: str) -> None:
    done = python(_MAIN, "migrate", IMPORTS_HOME=str(tmp_path), DATABASE_URL=database_url)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "All tables are up to date."), done.stderr


def test_an_instance_without_celery_gives_no_worker(tmp_path: Path, database_url: str) -> None:
    done = python(
        _MAIN,
        *("exec", "python", "-c", "import imports_pipeline.dagster_runtime.celery_worker"),
        IMPORTS_HOME=str(tmp_path),
        DATABASE_URL=database_url,
    )
    assert "set IMPORTS_DEPLOYMENT=celery" in done.stderr


def _differences(one: Any, other: Any, place: str = "") -> set[str]:
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return set() if one == other else {place}
    return {
        found
        for key in {*one, *other}
        for found in _differences(one.get(key), other.get(key), f"{place}.{key}".lstrip("."))
    }
