#!/bin/sh
# Installs the package into a new virtual environment: the build steps of the image, and what make deploy-check runs.
# Only wheels are installed, so no stage needs a compiler.
#   deploy/install.sh FOLDER EXTRAS       such as: deploy/install.sh .venv celery,kubernetes
set -eu
cd "$(dirname "$0")/.."
folder=$1 extras=$2
"${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
	--only-binary :all: -c constraints.txt ".[$extras]"
