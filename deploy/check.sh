#!/bin/sh
# Repeats the build of the image without Docker: installs into a clean virtual environment, lays out the folder of the
# last stage, and starts from there the commands of the containers. Takes some minutes.
set -eu
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Only wheels are installed, so nothing is compiled; the package itself is pure Python.
deploy/install.sh "$folder/.venv" celery,kubernetes,pages
cp workspace.yaml "$folder"
mkdir "$folder/deploy" && cp -r deploy/celery "$folder/deploy"
cd "$folder"
export PATH="$folder/.venv/bin:$PATH" IMPORTS_HOME="$folder/home"
imports-pipeline --help >/dev/null
# Import every module that a command or a manifest names.
python -c 'import dagster_k8s.launcher, imports_pipeline.definitions, imports_pipeline.pages.app
import imports_pipeline.dagster_runtime.celery_launcher, imports_pipeline.dagster_runtime.run_launcher'
printf 'name,email\nAnn,ann@example.com\n' >people.csv
imports-pipeline run people.csv --resource contact --action merge --mode sync --json >import.json
python - <<'PYTHON'
import json
document = json.load(open("import.json"))
assert document["status"] == "completed", document
PYTHON
size=$(du -sm "$folder/.venv" | cut -f1)
echo "The image's steps work; its virtual environment is $size MB."
