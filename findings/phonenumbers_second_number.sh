#!/usr/bin/env bash
# Version: phonenumbers 9.0.43
# Behaviour: parse() drops a second number behind "/ x" and calls the first one valid; the result does not show that
#   anything was left out.
# Seen: '202-456-1111 / x 202-456-1112' is valid, +12024561111, extension None
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check phonenumbers==9.0.43
"$folder/venv/bin/python" - <<'PYTHON'
import phonenumbers

text = "202-456-1111 / x 202-456-1112"
number = phonenumbers.parse(text, "US")
written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
print(phonenumbers.__version__, text, phonenumbers.is_valid_number(number), written, number.extension)
assert phonenumbers.is_valid_number(number) and written == "+12024561111" and number.extension is None
PYTHON
