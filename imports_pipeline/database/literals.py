"""Quotes values for the text of a statement, where parameters are not possible: in COPY and in composed expressions.

psycopg looks for placeholders in the whole text of a statement that is executed with parameters, even inside quoted
literals. A metadata key ``50%%`` in a ``sql.Literal`` would become ``50%``, and ``%(organization)s`` would be taken for
a parameter. ``literal`` escapes percent signs, so that the value is unchanged with and without parameters.
"""

from __future__ import annotations

from psycopg import sql


def literal(value: str | int | None) -> sql.Composable:
    r"""Return the value as an SQL literal.

    >>> literal("50%").as_string(None)
    " E'50\\x25'"
    """
    if not isinstance(value, str) or "%" not in value:
        return sql.Literal(value)
    spelled = value.replace("\\", "\\\\").replace("'", "''").replace("%", "\\x25")
    # In E'' strings, escapes do not depend on the setting standard_conforming_strings.
    return sql.SQL(f" E'{spelled}'")
