"""Inline data as the upload of an import: a JSON array becomes a CSV file, a data URL its bytes."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from imports_pipeline.api.envelope import Refusal

#: More columns than any resource has, and few enough that items of ever new fields cannot make a huge table.
_MOST_COLUMNS: Final = 1_000
_DATA_URL: Final = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.ASCII)


def csv_of(items: Sequence[Any]) -> bytes:
    """Write objects as CSV (UTF-8): nested fields are dotted, lists are comma-separated, null is a blank cell.

    The header is on line 1, so the first object is line 2. Raises ``Refusal`` for what is no list of objects.
    """
    rows = []
    columns: dict[str, None] = {}
    for number, item in enumerate(items, 1):
        if not isinstance(item, dict):
            raise _invalid(f"Item {number:,} of `data` is no object.")
        row: dict[str, str] = {}
        for name, text in _cells(item, "", number):
            if name in row:
                raise _invalid(f"Item {number:,} of `data` has the field {name[:100]!r} twice.")
            row[name] = text
        columns.update(dict.fromkeys(row))
        if len(columns) > _MOST_COLUMNS:
            raise _invalid(f"The items of `data` have more than {_MOST_COLUMNS:,} different fields.")
        rows.append(row)
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(columns), restval="", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def _cells(item: Mapping[str, Any], prefix: str, number: int) -> Iterator[tuple[str, str]]:
    for key, value in item.items():
        name = prefix + key
        if not name.strip() or "\0" in name:
            raise _invalid(f"Item {number:,} of `data` has a field without a name.")
        if isinstance(value, dict):
            yield from _cells(value, f"{name}.", number)
        elif isinstance(value, list):
            yield name, _list(value, name, number)
        else:
            yield name, _text(value)


def _list(values: Sequence[Any], name: str, number: int) -> str:
    if any(isinstance(one, (dict, list)) or one is None for one in values):
        raise _invalid(f"Item {number:,} of `data`: the list {name[:100]!r} takes texts only.")
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="").writerow([_text(one) for one in values])
    return out.getvalue()


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def bytes_of(data_url: str) -> bytes:
    """Decode a base64 data URL (RFC 2397). Raises ``Refusal``."""
    match = _DATA_URL.match(data_url[:300])
    if match is None or not match[2].lower().endswith(";base64"):
        raise _invalid("`data` is no base64 data URL; write data:text/csv;base64,… of a CSV or XLSX file.")
    try:
        content = base64.b64decode(data_url[match.end() :].encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise _invalid("`data` is no valid base64 (RFC 4648) behind its comma.") from None
    if not content:
        raise _invalid("`data` holds an empty file.")
    return content


def _invalid(message: str) -> Refusal:
    return Refusal(400, "invalid_data", message)
