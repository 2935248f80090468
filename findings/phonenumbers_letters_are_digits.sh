#!/usr/bin/env bash
# Version: phonenumbers 9.0.43
# Behaviour: parse() takes three or more letters in a number for the digits of a keypad, also where they are a word beside too
#   few digits: the result is a valid number that nobody wrote.
# Seen: '202456call' is valid, +12024562255
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check phonenumbers==9.0.43
"$folder/venv/bin/python" - <<'PYTHON'
import phonenumbers

number = phonenumbers.parse("202456call", "US")
written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
print(phonenumbers.__version__, phonenumbers.is_valid_number(number), written)
assert phonenumbers.is_valid_number(number) and written == "+12024562255"
PYTHON
