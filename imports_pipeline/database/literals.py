"""Values inside the text of a statement, where no parameter can stand: in COPY, and under composed expressions.

psycopg looks for placeholders in the whole text of a statement that is executed with parameters, inside quoted
literals too: a metadata key ``50%%`` of ``sql.Literal`` would arrive as ``50%``, and ``%(organization)s`` as a
parameter. ``literal`` spells a text without percent signs, so that it arrives as it is, with parameters or without.
"""

from __future__ import annotations

from psycopg import sql


def literal(value: str | int | None) -> sql.Composable:
    r"""Return the value as it is spelled in SQL.

    >>> literal("50%").as_string(None)
    " E'50\\x25'"
    """
    if not isinstance(value, str) or "%" not in value:
        return sql.Literal(value)
    spelled = value.replace("\\", "\\\\").replace("'", "''").replace("%", "\\x25")
    # Inside E'' a text is the same under every standard_conforming_strings.
    return sql.SQL(f" E'{spelled}'")
