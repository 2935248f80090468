"""Files and situations that people have reported, one line each: what the product makes of them as a whole.

Other tests hold the same kinds part by part, and with many more samples:

* rejected rows and whose they are: overwrite/guards/test_protection.py, overwrite/guards/test_guards.py
* NUL bytes: overwrite/guards/test_protection.py, journeys/cells/test_unstorable.py
* what spreadsheets do to cells: journeys/cells/test_spreadsheets.py, schemas/test_spreadsheet_cells.py
* people without keys: journeys/test_without_keys.py
* encodings: reading/detection/test_code_pages.py
* headers: schemas/test_column_mapping.py, schemas/column_mapping/, known_files/
* sheets: reading/xlsx/test_workbooks.py
* blanks beside quotes: reading/csv/test_blanks.py
* footers, repeated headers, surplus delimiters: reading/test_passed_over.py, reading/test_headers.py
* files of other formats: reading/test_other_formats.py, reading/test_undelimited.py, reading/test_archives.py
* code points: journeys/cells/test_canonical.py
* two people who swap emails: journeys/test_identity.py
* formulas through the errors file, exports that are imported again: journeys/test_errors_files.py
"""
