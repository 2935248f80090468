"""The three phases of an import, in a row's order: prevalidation, preparsing, transforming.

Each takes the import and the files the phase before left, writes its own, and returns counts. Rows stay in
files; good rows are only ever handled by the column.
"""
