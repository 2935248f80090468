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
# The height of the line of a phase, and of the line of codes below it.
_LINE, _CODES_LINE = 24, 16
# Characters of the picture that are allowed in the URL of a Markdown image. PostgreSQL compresses the repeated tags of
# such a URL to half of what the same picture takes in base64.
_AS_IT_IS: Final = "<>='/:;,"
_PASSED, _REJECTED, _INK, _PAPER = "#4F43DD", "#C8353B", "#1B1A22", "#FFFFFF"


def funnel(
    reports: Sequence[Mapping[str, Any]], codes: Mapping[str, Mapping[str, int]], remembered: int = 0
) -> str:
    """Return Markdown with a picture of the rows that each phase passed on and rejected.

    Args:
        reports: the reports of the import's phases.
        codes: for each phase the error codes of its rejected rows, with their counts.
        remembered: the number of rows that were known from the last file and not read.
    """
    most = max((report["total"] for report in reports), default=0) or 1
    y, passed_bars, rejected_bars, lines = 8, "", "", ""
    # Lines of equal phases are equal texts, because places are relative to the line before. PostgreSQL compresses them
    # to half of what absolute places take.
    above, moved = f"y='{y + 13}'", f"M{_BAR_X},{y}"
    for report in reports:
        found = codes.get(report["name"], {})
        passed, lost = (_BAR_WIDTH * report[name] / most for name in ("success", "error"))
        counts = f"{report['success']:,} passed on, {report['error']:,} rejected"
        if remembered and report is reports[0]:
            counts += f", {remembered:,} known from the last file"
        lines += (
            f"<tspan x='10' {above}>{escape(report['name'])}</tspan><tspan x='{_TEXT_X}'>{counts}</tspan>"
        )
        passed_bars += moved + _bar(passed)
        if lost:
            rejected_bars += f"M{_number(_BAR_X + passed)},{y}{_bar(lost)}"
        down = _LINE
        above = f"dy='{_LINE}'"
        if found:
            lines += f"<tspan x='{_TEXT_X}' dy='19' font-size='11' fill='{_REJECTED}'>{escape(_named(found))}</tspan>"
            down += _CODES_LINE
            above = f"dy='{down - 19}'"
        moved = f"m0,{down}"
        y += down
    shapes = "".join(
        f"<path fill='{color}' d='{bars}'/>"
        for color, bars in ((_PASSED, passed_bars), (_REJECTED, rejected_bars))
        if bars
    )
    return _as_markdown("rows through the phases", f"{shapes}<text>{lines}</text>", y + 4)


def _bar(width: float) -> str:
    """Return the path of a bar, which ends at the point where it begins."""
    return f"h{_number(width)}v17h-{_number(width)}z"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


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
