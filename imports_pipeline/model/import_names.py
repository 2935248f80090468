"""The names of imports: 3 to 127 characters, the file's name where none is given."""

from __future__ import annotations

from typing import Final

from imports_pipeline.model.printable import printable

#: The lengths that the name of an import can have.
NAME_LENGTHS: Final = range(3, 128)


def name_of_file(path: str | None) -> str | None:
    r"""Return the last part of a path or URI if it can be the name of an import, otherwise ``None``.

    >>> name_of_file("s3://uploads/acme/people.csv"), name_of_file("C:\\lists\\people.csv"), name_of_file("a")
    ('people.csv', 'people.csv', None)
    """
    name = printable((path or "").replace("\\", "/").rpartition("/")[2])
    return name if len(name) in NAME_LENGTHS else None
