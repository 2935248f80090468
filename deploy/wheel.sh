#!/bin/sh
# Builds the wheel, installs it into a clean virtual environment outside the checkout, and runs it there: help, `check`
# and `run` on the example. A data file that is missing from the wheel makes one of these steps fail.
set -eu
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# pip builds in a copy, so that old files of build/ cannot get into the wheel.
mkdir "$folder/source" "$folder/work"
cp -r pyproject.toml README.md LICENSE imports_pipeline "$folder/source"
"${PYTHON:-python3}" -m venv "$folder/.venv"
"$folder/.venv/bin/python" -m pip wheel --quiet --disable-pip-version-check --no-deps \
	--wheel-dir "$folder" "$folder/source"
# Every file of the package that is no Python module must be in the wheel: migrations, known files, names, py.typed.
"$folder/.venv/bin/python" - "$folder"/imports_pipeline-*.whl imports_pipeline <<'PYTHON'
import pathlib, sys, zipfile
packed = set(zipfile.ZipFile(sys.argv[1]).namelist())
root = pathlib.Path(sys.argv[2])
files = {path.relative_to(root.parent).as_posix() for path in root.rglob("*") if path.is_file()}
missing = sorted(path for path in files - packed if "__pycache__" not in path)
sys.exit(f"The wheel lacks {', '.join(missing)}; add them to package-data in pyproject.toml." if missing else 0)
PYTHON
"$folder/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
	--only-binary :all: -c constraints.txt "$folder"/imports_pipeline-*.whl
# Only the file to import is there: the package has Dagster's configuration in itself.
cp examples/contacts.csv "$folder/work"
rm -r "$folder/source"
cd "$folder/work"
export PATH="$folder/.venv/bin:$PATH" IMPORTS_HOME="$folder/home"
imports-pipeline --help >/dev/null
imports-pipeline check contacts.csv --resource contact
imports-pipeline run contacts.csv --resource contact --action merge --mode sync
echo "The wheel works outside the checkout."
