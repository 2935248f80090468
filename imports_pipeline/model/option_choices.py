"""The options of an import that take one of a few values, and what they are."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """The effect of the rows on the stored records."""

    MERGE = "merge"
    OVERWRITE = "overwrite"
    DELETE = "delete"
    # Reverts another import. A file cannot be imported with it.
    REVERT = "revert"


class Mode(StrEnum):
    """The point at which the caller gets its answer."""

    SYNC = "sync"
    MIXED = "mixed"


class DuplicateHandling(StrEnum):
    """The handling of rows of one file that share an identity value."""

    IGNORE_ALL = "ignore_all"
    USE_FIRST = "use_first"


class BlankCells(StrEnum):
    """The effect of a blank cell on the stored value."""

    KEEP = "keep"
    CLEAR = "clear"


class BadCells(StrEnum):
    """What an invalid value of an optional field does to its row."""

    REJECT = "reject"
    LEAVE_OUT = "leave_out"


class MissingGroups(StrEnum):
    """What happens to a row that names a group which is not stored."""

    REJECT = "reject"
    CREATE = "create"


class MissingName(StrEnum):
    """What happens to a row of a new contact without a name."""

    REJECT = "reject"
    EMAIL = "email"


class Remember(StrEnum):
    """The use of the memory of the last file, and the making of one for the next."""

    AUTO = "auto"
    OFF = "off"


class LineEnd(StrEnum):
    """The line end of a file."""

    LF = "lf"
    CRLF = "crlf"
    CR = "cr"


class Compression(StrEnum):
    """The compression of a file."""

    NONE = "none"
    GZIP = "gzip"
    ZIP = "zip"


class UnknownColumns(StrEnum):
    """The handling of columns that the resource does not have."""

    IGNORE = "ignore"
    REJECT = "reject"
