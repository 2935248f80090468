"""The four phases of a batch, in order: parsing, validation, processing, cleanup.

Every phase works on all items at once, in SQL. ``planning/`` computes what a batch would do before it is written.
"""
