"""Draws the funnel of an import as SVG inside Markdown, so that Dagster's page needs only the event log to show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import islice
from typing import Any, Final
from urllib.parse import quote

# The number of codes that are named for each phase, most frequent first. The other codes are only counted.
_NAMED_CODES: Final = 3
_WIDTH: Final = 760
_BAR_X, _BAR_WIDTH, _TEXT_X = 112, 300, 424
# Characters of the picture that are allowed in the URL of a Markdown image. PostgreSQL compresses the repeated tags of
# such a URL to half of what the same picture takes in base64.
_AS_IT_IS: Final = "<>='/:;,"
_PASSED, _REJECTED, _INK, _PAPER = "#4F43DD", "#C8353B", "#1B1A22", "#FFFFFF"


def funnel(reports: Sequence[Mapping[str, Any]], codes: Mapping[str, Mapping[str, int]]) -> str:
    """Return Markdown with a picture of the rows that each phase passed on and rejected.

    Args:
        reports: the reports of the import's phases.
        codes: for each phase the error codes of its rejected rows, with their counts.
    """
    most = max((report["total"] for report in reports), default=0) or 1
    y, shapes = 8, []
    for report in reports:
        found = codes.get(report["name"], {})
        passed, lost = (_BAR_WIDTH * report[name] / most for name in ("success", "error"))
        shapes.append(f"<text x='10' y='{y + 13}'>{escape(report['name'])}</text>")
        for x, width, color in ((_BAR_X, passed, _PASSED), (_BAR_X + passed, lost, _REJECTED)):
            if width:
                shapes.append(f"<rect x='{x:.1f}' y='{y}' width='{width:.1f}' height='17' fill='{color}'/>")
        counts = f"{report['success']:,} passed on, {report['error']:,} rejected"
        shapes.append(f"<text x='{_TEXT_X}' y='{y + 13}'>{counts}</text>")
        y += 24
        if found:
            shapes.append(
                f"<text x='{_TEXT_X}' y='{y + 8}' font-size='11' fill='{_REJECTED}'>{escape(_named(found))}</text>"
            )
            y += 16
    return _as_markdown("rows through the phases", "".join(shapes), y + 4)


def _named(codes: Mapping[str, int]) -> str:
    most = [f"{count:,} × {code}" for code, count in islice(codes.items(), _NAMED_CODES)]
    others = sum(islice(codes.values(), _NAMED_CODES, None))
    return ", ".join([*most, f"{others:,} others"] if others else most)


def _as_markdown(title: str, shapes: str, height: int) -> str:
    # The picture has a white background, because its dark text would not be readable in the dark theme.
    picture = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{_WIDTH}' height='{height}' font-family='sans-serif'"
        f" font-size='12' fill='{_INK}'><rect width='100%' height='100%' rx='4' fill='{_PAPER}'/>{shapes}</svg>"
    )
    return f"![{title}](data:image/svg+xml,{quote(picture, safe=_AS_IT_IS)})"
