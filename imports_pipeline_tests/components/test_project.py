"""A project of one's own, in an empty folder, with the package as a wheel has it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from imports_pipeline.cli.app import app
from imports_pipeline.dagster_runtime.dagster_environment import project_root
from imports_pipeline_tests import forked_commands

EXAMPLE = project_root() / "examples" / "my-imports"
_BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
_MAIN = "from imports_pipeline.cli import main; main()"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and unpack it; return the folder, which an installation would have in ``sys.path``."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(project_root() / name, source)
    package = project_root() / "imports_pipeline"
    shutil.copytree(package, source / "imports_pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-c", _BUILD, folder], cwd=source, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as packed:
        packed.extractall(folder / "site")
    return folder / "site"


def test_a_project_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """The way of the docs: `init`, a sync more by `dg scaffold`, and everything is there."""
    # A clean shell: no variable of ours, and another home.
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(wheel)}

    def run(*command: str, cwd: Path) -> str:
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    dg = str(Path(sys.executable).with_name("dg"))
    printed = run(sys.executable, "-c", _MAIN, "init", "crm", cwd=tmp_path)
    assert "cd crm" in printed
    project = tmp_path / "crm"
    run(dg, "scaffold", "defs", "imports_pipeline.Sync", "nightly_contacts", cwd=project)
    found = json.loads(run(dg, "list", "defs", "--json", cwd=project))
    assert {"import_contacts", "process_contacts", "revert_import"} <= {job["name"] for job in found["jobs"]}
    assert {"contacts", "group_batches"} <= {asset["asset_key"] for asset in found["assets"]}
    assert {"uploads", "queued_batches", "alerts"} <= {sensor["name"] for sensor in found["sensors"]}
    assert {one["name"] for one in found["schedules"]} == {"housekeeping", "sync_nightly_contacts"}
    assert any(check["name"] == "rejected_rows" for check in found["asset_checks"])
    assert not (project / ".imports").exists(), "no server was started to load the definitions"


def test_the_example_is_what_init_writes(tmp_path: Path) -> None:
    done = forked_commands.run_text(["init", str(tmp_path / "my-imports")], env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    written = _files(tmp_path / "my-imports")
    assert {name: text for name, text in _files(EXAMPLE).items() if "nightly_contacts" not in name} == written

    again = forked_commands.run_text(["init", str(tmp_path / "my-imports")], env=dict(os.environ))
    assert again.returncode == 2
    assert "is not empty; name a new folder" in again.stderr


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("class", "'class' cannot be the name of a Python package; take one such as my-imports."),
        ("2026", "'2026' cannot be the name of a Python package; take one such as my-imports."),
        *(
            (
                name,
                f"The project would hide the Python module {module}; take one such as my-imports for a name.",
            )
            for name, module in (
                ("dagster", "dagster"),
                ("imports-pipeline", "imports_pipeline"),
                ("typing", "typing"),
                ("json", "json"),
                ("YAML", "yaml"),
                ("dagster-graphql", "dagster_graphql"),
            )
        ),
    ],
)
def test_a_project_hides_no_module(name: str, reason: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["init", str(tmp_path / name)])
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert reason in " ".join(done.stderr.split())


def test_an_empty_folder_does_not_hide_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_crm").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    done = CliRunner().invoke(app, ["init", "my_crm"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "my_crm" / "my_crm" / "definitions.py").exists()


def _files(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in root.rglob("*")
        if path.is_file() and not {"__pycache__", ".imports"} & set(path.parts)
    }
