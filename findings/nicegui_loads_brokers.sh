#!/usr/bin/env bash
# Version: nicegui 3.18.0 with python-socketio 5.18.1; kombu 5.7.0 and redis 8.1.0 beside them
# Behaviour: a process of web pages imports the clients of message brokers if they are installed, though it uses none.
#   An environment that has both the pages and Celery pays for the import in every start of the pages.
# Seen: after `import nicegui`, kombu and redis are loaded
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check nicegui==3.18.0 python-socketio==5.18.1 kombu==5.7.0 redis==8.1.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import nicegui  # noqa: F401

loaded = sorted({"kombu", "redis"} & set(sys.modules))
print("loaded by nicegui:", loaded)
assert loaded == ["kombu", "redis"]
PYTHON
