#!/usr/bin/env bash
# Version: email-validator 2.4.0
# Behaviour: an apostrophe before an address, as spreadsheets put it before a text, is taken for part of the address (RFC 5322
#   allows it there); an apostrophe behind it is an error.
# Seen: validate_email("'ann@example.org") returns the address with its apostrophe
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check email-validator==2.4.0
"$folder/venv/bin/python" - <<'PYTHON'
import email_validator

checked = email_validator.validate_email("'ann@example.org", check_deliverability=False).normalized
print(email_validator.__version__, checked)
assert checked == "'ann@example.org"
try:
    email_validator.validate_email("ann@example.org'", check_deliverability=False)
except email_validator.EmailSyntaxError as error:
    print(error)
else:
    raise AssertionError("an apostrophe behind an address is no error any more")
PYTHON
