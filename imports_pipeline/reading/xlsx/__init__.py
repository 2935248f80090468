"""Reads XLSX workbooks: the checks before a workbook is opened, its sheets, and their cells as text."""
