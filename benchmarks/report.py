"""The tables and the chart of the benchmark."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.processes import Measured

Figures = Sequence[dict[str, Any]]


def seconds(one: Measured) -> str:
    """Return the seconds of one measurement as a line of text."""
    return (
        f"{one.seconds:.2f} s, of the processor {one.client_seconds:.2f} + {one.server_seconds:.2f} s"
        f" (client + server), {one.rss_mb:.0f} MB"
    )


def phases(output: str) -> list[dict[str, Any]]:
    """Return name, seconds and rows of the phases of one import that ``run --json`` printed; none for a list."""
    import_ = json.loads(output)
    if isinstance(import_, list):
        return []
    return [
        {"name": one["name"], "seconds": one["ended_at"] - one["started_at"], "rows": one["total"]}
        for one in import_["phases"]
    ]


def table(figures: Figures, repeat: int, kind: str) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        f"\nMedians of {repeat} (small_files: once), whole processes, data: {kind}\n",
        "| case | rows | system | seconds (min to max) | processor s: client, server | rows/s | memory MB |"
        " × dlt | × floor | × before |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in figures:
        ratios = " | ".join(
            "" if one[name] is None else f"{one[name]:.2f}"
            for name in ("ratio_to_dlt", "ratio_to_floor", "ratio_to_before")
        )
        spread = f"{one['seconds_median']:.2f} ({one['seconds_min']:.2f} to {one['seconds_max']:.2f})"
        lines.append(
            f"| {one['case']} | {one['rows']:,} | {one['system']} | {spread}"
            f" | {one['client_seconds']:.1f}, {one['server_seconds']:.1f}"
            f" | {one['rows'] / one['seconds_median']:,.0f} | {one['rss_mb']:.0f} | {ratios} |"
        )
    return "\n".join(lines)


def phase_table(figures: Figures) -> str:
    """Return seconds and rows of each phase of this package in the last round as a Markdown table."""
    lines = ["\nOurs by phase (last round); what is not in a phase is start-up and Dagster's bookkeeping\n"]
    lines += ["| case | rows | phase | rows in | seconds | rows/s |", "|---|---|---|---|---|---|"]
    for one in figures:
        for phase in one["phases"]:
            rate = phase["rows"] / phase["seconds"] if phase["seconds"] else 0
            lines.append(
                f"| {one['case']} | {one['rows']:,} | {phase['name']} | {phase['rows']:,}"
                f" | {phase['seconds']:.2f} | {rate:,.0f} |"
            )
    return "\n".join(lines)


def chart(figures: Figures, path: Path) -> None:
    """Write a bar chart as SVG: the seconds of each system and case, at the largest size of the case.

    Raises ``ImportError`` where matplotlib is not installed (the extra ``bench`` has it).
    """
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    cases = list(_largest(figures))
    systems = list(dict.fromkeys(one["system"] for _, rows in cases for one in rows))
    picture, axes = pyplot.subplots(figsize=(9, 0.5 + 0.8 * len(cases)), layout="constrained")
    height = 0.8 / max(1, len(systems))
    for number, system in enumerate(systems):
        bars = [
            (place + number * height, one)
            for place, (_, rows) in enumerate(cases)
            for one in rows
            if one["system"] == system
        ]
        drawn = axes.barh(
            [place for place, _ in bars],
            [one["seconds_median"] for _, one in bars],
            height,
            label=system,
            xerr=[
                [one["seconds_median"] - one["seconds_min"] for _, one in bars],
                [one["seconds_max"] - one["seconds_median"] for _, one in bars],
            ],
        )
        axes.bar_label(drawn, fmt="%.1f", padding=3, fontsize=7)
    axes.set_yticks([place + 0.4 - height / 2 for place in range(len(cases))], [name for name, _ in cases])
    axes.invert_yaxis()
    axes.set_xlabel("seconds, whole process, median (lines: least and most)")
    axes.legend(frameon=False)
    picture.savefig(path, metadata={"Date": None})
    pyplot.close(picture)


def _largest(figures: Figures) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for case in dict.fromkeys(one["case"] for one in figures):
        most = max(one["rows"] for one in figures if one["case"] == case)
        yield (
            f"{case}\n{most:,} rows",
            [one for one in figures if one["case"] == case and one["rows"] == most],
        )
