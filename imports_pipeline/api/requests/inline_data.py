"""Inline data of a request: a JSON array becomes a CSV file, a data URL its bytes."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from imports_pipeline.api.responses.envelope import Refusal

_DATA_URL: Final = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.ASCII)


def csv_of(items: Sequence[Any], *, same_fields: bool) -> bytes:
    """Return objects as a CSV file in UTF-8, with the cells that ``reading.json_items`` makes of them.

    The header is on line 1, so the first object begins on line 2.

    Raises:
        Refusal: an item is not an object, or with ``same_fields`` the objects have different fields.
    """
    # Imported here because it takes half a second to load, and most requests have no inline data.
    from imports_pipeline.reading.json_items import InvalidItem, cells_of, fields_of

    rows = []
    for number, item in enumerate(items, 1):
        try:
            rows.append(cells_of(item))
        except InvalidItem as error:
            raise invalid_data(f"Item {number:,} of `data`: {error}.") from None
    try:
        fields = fields_of(rows)
    except InvalidItem as error:
        raise invalid_data(f"`data`: {error}.") from None
    if same_fields:
        check_same_fields(dict(enumerate(rows, 1)), len(fields))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, fields, restval="", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def check_same_fields(rows: Mapping[int, Mapping[str, str]], count: int) -> None:
    """Check that every item, by its number, has all ``count`` fields; ``blank_cells: clear`` would clear the others.

    Raises:
        Refusal: an item lacks a field.
    """
    for number, row in rows.items():
        if len(row) != count:
            raise invalid_data(
                f"Item {number:,} lacks a field that others have, and with blank_cells: clear that would empty it;"
                " write the same fields in all items, with null where there is no value."
            )


def bytes_of(data_url: str) -> bytes:
    """Return the decoded bytes of a base64 data URL (RFC 2397).

    Raises:
        Refusal: the text is no such URL, or holds no bytes.
    """
    match = _DATA_URL.match(data_url[:300])
    if match is None or not match[2].lower().endswith(";base64"):
        raise invalid_data(
            "`data` is not a base64 data URL; send data:text/csv;base64,… with a CSV or XLSX file."
        )
    try:
        content = base64.b64decode(data_url[match.end() :].encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise invalid_data("`data` is not valid base64 (RFC 4648) after its comma.") from None
    if not content:
        raise invalid_data("`data` holds an empty file.")
    return content


def invalid_data(message: str) -> Refusal:
    """Return the refusal of inline data."""
    return Refusal(400, "invalid_data", message)
