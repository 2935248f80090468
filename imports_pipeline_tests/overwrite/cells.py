"""How people and spreadsheets write values into cells, and how the model reads them."""

from __future__ import annotations

import re
from random import Random

from imports_pipeline_tests.overwrite.model import TEAM, Kind, Value

#: Lines that reports write after the last row.
FOOTERS = (("2 records exported",), ("(2 rows)",), ("", "Total: 17"))
_NUMBER_OF_A_SPREADSHEET = re.compile(r"\d\.\d+E\+\d+")


def decorated(random: Random, name: str, value: str) -> str:
    """Write a value in another way that means the same."""
    if not value or name in ("id", "resource", "is_primary"):
        return value
    ways = [f" {value} "]
    if name == "email" and "@" in value:
        ways += [f"mailto:{value}", f"<{value}>", f"Ann Lee <{value}>", f"'{value}", f'="{value}"']
    elif name == "phone":
        ways += [f"'{value}", f'="{value}"', f"tel:{value}"]
    elif name in ("external_id", "name"):
        ways += [f'="{value}"', f"{value}\u200b"]
    return random.choice(ways)


def damaged(random: Random, name: str, value: str) -> str:
    """Write a value as it is after a spreadsheet or a broken program had it."""
    ways = [f"{value}\0"]
    if name in ("email", "phone", "external_id", "name", TEAM):
        ways.append("#REF!")
    if name in ("phone", "external_id"):
        ways.append("1.20256E+10")
    return random.choice(ways)


def read(name: str, cell: str, kind: Kind) -> tuple[Value, str | None]:
    """Read a cell of a field: its value, or what is wrong with it."""
    text = _without_marks(cell.strip(" \u200b"))
    if not text:
        return None, None
    if text == "#REF!" and name != "id":
        return None, "spreadsheet_error"
    if name == "external_id" and _NUMBER_OF_A_SPREADSHEET.fullmatch(text):
        return None, "shortened_number"
    if name == "email":
        local, at, domain = _address(text).partition("@")
        return (f"{local}@{domain.lower()}", None) if at else (None, "invalid_email")
    if name == "phone":
        text = text.removeprefix("tel:")
        return (text, None) if text.startswith("+1202") else (None, "invalid_phone")
    if name == "is_primary":
        return (text == "yes", None) if text in ("yes", "no") else (None, "invalid_boolean")
    if name == "resource":
        return (text, None) if text in ("contact", "location") else (None, "invalid_choice")
    if name == "id":
        prefix = {"contact": "ctct", "group": "grp"}[kind.name]
        return (text, None) if re.fullmatch(f"{prefix}_[0-7][0-9a-z]{{25}}", text) else (None, "invalid_id")
    return text, None


def _without_marks(text: str) -> str:
    """Remove the marks by which a spreadsheet is made to read a text: ``="…"``, and an apostrophe."""
    if match := re.fullmatch('="(.*)"', text):
        return match[1]
    return text[1:] if re.match(r"'(\+?\d|.*@)", text) else text


def _address(text: str) -> str:
    if match := re.fullmatch("(?:.* )?<(.*)>", text):
        return match[1]
    return text.removeprefix("mailto:")
