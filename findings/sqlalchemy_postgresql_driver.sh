#!/usr/bin/env bash
# Version: SQLAlchemy 2.1.9, dagster-postgres 0.29.27
# Behaviour: SQLAlchemy 2.1 opens postgresql:// URLs with psycopg 3, where 2.0 did with psycopg2. dagster-postgres requires
#   psycopg2 and writes URLs without a driver, so a fresh install of both has no driver for them.
# Seen: create_engine of dagster-postgres' own URL raises ModuleNotFoundError for psycopg; with scheme postgresql+psycopg2 not
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check SQLAlchemy==2.1.9 psycopg2-binary==2.9.13 dagster==1.13.27 dagster-postgres==0.29.27
"$folder/venv/bin/python" - <<'PYTHON'
import sqlalchemy
from dagster_postgres.utils import get_conn_string

place = {"username": "u", "password": "p", "hostname": "h", "db_name": "d"}
url = get_conn_string(**place)
print(sqlalchemy.__version__, url, sqlalchemy.make_url(url).get_dialect().driver)
try:
    sqlalchemy.create_engine(url)
except ModuleNotFoundError as error:
    print(error)
    assert error.name == "psycopg"
else:
    raise AssertionError("the URL has a driver")
engine = sqlalchemy.create_engine(get_conn_string(**place, scheme="postgresql+psycopg2"))
assert engine.driver == "psycopg2"
PYTHON
