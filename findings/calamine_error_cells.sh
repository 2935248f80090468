#!/usr/bin/env bash
# Version: python-calamine 0.9.1, openpyxl 3.1.5 (writes the workbook)
# Behaviour: a cell that shows an error (#N/A, #REF!) is an empty text, as a blank cell is. A lookup that failed in a
#   spreadsheet cannot be told from "no value".
# Seen: the row 'Ann', '#N/A', blank is ['Ann', '', ''] ; openpyxl reads ('Ann', '#N/A', None)
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openpyxl==3.1.5 python-calamine==0.9.1
"$folder/venv/bin/python" - <<'PYTHON'
import io

import openpyxl
import python_calamine

file = io.BytesIO()
book = openpyxl.Workbook()
book.active.append(["Ann", "#N/A", None])
book.active.append(["Bob", "x", "y"])
assert book.active["B1"].data_type == "e", "openpyxl writes the text as an error cell"
book.save(file)
file.seek(0)
row = python_calamine.CalamineWorkbook.from_filelike(file).get_sheet_by_index(0).to_python()[0]
file.seek(0)
by_openpyxl = next(openpyxl.load_workbook(file).active.iter_rows(max_row=1, values_only=True))
print("calamine:", row, " openpyxl:", by_openpyxl)
assert row == ["Ann", "", ""]
assert by_openpyxl == ("Ann", "#N/A", None)
PYTHON
