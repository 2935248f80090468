"""Layering: imports point one way, only three packages know Dagster, and modules and folders are small."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import imports_pipeline

PACKAGE = Path(imports_pipeline.__file__).parent
#: Each package may import itself and the packages before it.
LAYERS = (
    "model",
    "schemas",
    "reading",
    "filestore",
    "database",
    "import_phases",
    "batch_phases",
    "registry",
    "sources",
    "workflow",
    "defs",
    "components",
    "dagster_runtime",
    "definitions",
    "api",
    "pages",
    "cli",
)
#: Packages that import nothing of ours; every package may import them.
LEAVES = ("embedded", "settings", "threads")
DAGSTER = ("defs", "components", "dagster_runtime", "definitions")
TESTS = Path(__file__).parent
# A longer module has a second purpose, a fuller folder a second subject.
LARGEST_MODULE, LARGEST_FOLDER = 350, 16
LEVEL = {name: level for level, name in enumerate(LAYERS)}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield parts[0], path


def imported(path: Path) -> Iterator[str]:
    """Yield the absolute names of what a module imports, at its top or in a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer_of(name: str) -> str:
    return name.split(".")[1]


EVERY_MODULE = pytest.mark.parametrize(
    "path", [path for _, path in modules()], ids=lambda path: str(path.relative_to(PACKAGE))
)


@EVERY_MODULE
def test_imports_point_one_way(path: Path) -> None:
    own = path.relative_to(PACKAGE).with_suffix("").parts[0]
    for name in imported(path):
        if not name.startswith("imports_pipeline."):
            continue
        target = layer_of(name)
        if own in LEAVES:
            assert target == own, f"{own} is a leaf and imports {name}"
        elif target not in LEAVES:
            assert target == own or LEVEL[target] < LEVEL[own], f"{own} imports {name}"
            assert target != "definitions", f"{path} imports Dagster's entry"


def test_the_pages_know_nothing_of_the_engine() -> None:
    """They know the address of the API; only the command that serves them imports them."""
    for own, path in modules():
        ours = {layer_of(name) for name in imported(path) if name.startswith("imports_pipeline.")}
        if own == "pages":
            assert ours <= {"pages"}, path
            assert "imports_pipeline" not in imported(path), path
        else:
            assert "pages" not in ours or own == "cli", path


@EVERY_MODULE
def test_only_dagsters_packages_import_it(path: Path) -> None:
    own = path.relative_to(PACKAGE).with_suffix("").parts[0]
    uses = [name for name in imported(path) if name.split(".")[0].startswith("dagster")]
    assert not uses or own in DAGSTER


def test_every_folder_has_its_layer() -> None:
    known = {*LEVEL, *LEAVES, "__init__", "__main__"}
    assert {name for name, _ in modules()} <= known
    assert {"model", "workflow", "cli"} <= {name for name, _ in modules()}, "the package is where we look"


def test_no_test_imports_a_benchmark() -> None:
    """A benchmark may use the helpers of tests; the tests run without the folder of benchmarks."""
    using = [
        path for path in TESTS.rglob("*.py") if any(name.startswith("benchmarks") for name in imported(path))
    ]
    assert not using


def test_what_the_core_does_not_need() -> None:
    """Neither files nor the database are reached but through what is passed in."""
    for own, path in modules():
        if own in ("model", "schemas", "reading"):
            outside = {name.split(".")[0] for name in imported(path)}
            assert not outside & {"psycopg", "sqlalchemy", "s3fs", "typer", "rich"}, path


def test_the_modules_of_the_file_store_form_no_circle() -> None:
    imports = {
        path.stem: {
            name.split(".")[2] for name in imported(path) if name.startswith("imports_pipeline.filestore.")
        }
        for path in (PACKAGE / "filestore").glob("*.py")
    }
    done: set[str] = set()
    while ready := {name for name, needed in imports.items() if name not in done and needed - {name} <= done}:
        done |= ready
    assert done == set(imports), f"a circle: {sorted(set(imports) - done)}"


@pytest.mark.parametrize("root", [PACKAGE, TESTS], ids=lambda root: root.name)
def test_modules_are_short(root: Path) -> None:
    lines = {path: len(path.read_text().splitlines()) for path in root.rglob("*.py")}
    too_long = {str(path.relative_to(root)): count for path, count in lines.items() if count > LARGEST_MODULE}
    assert not too_long, "split by what the parts are for"


@pytest.mark.parametrize("root", [PACKAGE, TESTS], ids=lambda root: root.name)
def test_folders_have_few_modules(root: Path) -> None:
    # Migrations are one sequence, however long it gets.
    modules = [path for path in root.rglob("*.py") if path.parent.name != "versions"]
    folders = Counter(path.parent for path in modules if path.name != "__init__.py")
    too_full = {
        str(path.relative_to(root)): count for path, count in folders.items() if count > LARGEST_FOLDER
    }
    assert not too_full, "group the modules of one subject in a folder of their own"
