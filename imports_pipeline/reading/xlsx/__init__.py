"""XLSX workbooks to records, and the checks before a workbook is opened."""
