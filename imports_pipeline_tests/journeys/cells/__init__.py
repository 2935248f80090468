"""Imports of odd cells: blank, invalid, damaged by a spreadsheet or an encoding, or the same text in another form."""
