"""The memory of an import: what each row of its file was, so that the next file costs what changed in it.

``docs/decisions/0043-memory-of-imports.md`` explains why the outcome is the same as without a memory.
"""
