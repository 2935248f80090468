#!/usr/bin/env bash
# Version: openpyxl 3.1.5, XlsxWriter 3.3.1, python-calamine 0.9.1
# Behaviour: in the texts of a workbook, _xHHHH_ stands for a character and _x005F_ for the underscore before such a
#   text. openpyxl writes a text such as _x0041_ without the escape, so that other readers read A, and a workbook of
#   XlsxWriter with a carriage return is read by openpyxl with _x000D_ in its place.
# Seen: openpyxl writes 'id_x0041_7', calamine reads 'idA7'; XlsxWriter writes 'a\rb', calamine reads it,
#   openpyxl reads 'a_x000D_b'
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openpyxl==3.1.5 XlsxWriter==3.3.1 python-calamine==0.9.1
"$folder/venv/bin/python" - <<'PYTHON'
import io

import openpyxl
import python_calamine
import xlsxwriter


def read(file):
    file.seek(0)
    by_openpyxl = openpyxl.load_workbook(file).active["A1"].value
    file.seek(0)
    sheet = python_calamine.CalamineWorkbook.from_filelike(file).get_sheet_by_index(0)
    return by_openpyxl, sheet.to_python()[0][0]


ours = io.BytesIO()
book = openpyxl.Workbook()
book.active["A1"] = "id_x0041_7"
book.save(ours)
written_by_openpyxl = read(ours)

theirs = io.BytesIO()
with xlsxwriter.Workbook(theirs) as book:
    book.add_worksheet().write_string("A1", "a\rb")
written_by_xlsxwriter = read(theirs)

print("openpyxl writes 'id_x0041_7'; openpyxl and calamine read:", written_by_openpyxl)
print("XlsxWriter writes 'a\\rb'; openpyxl and calamine read:", written_by_xlsxwriter)
assert written_by_openpyxl[1] == "idA7"
assert written_by_xlsxwriter == ("a_x000D_b", "a\rb")
PYTHON
