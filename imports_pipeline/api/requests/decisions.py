"""The bodies of requests about a plan: to commit, to approve, or to reject it."""

from __future__ import annotations

from typing import Final

from fastapi import Request

from imports_pipeline.api.requests import bodies
from imports_pipeline.api.responses.envelope import Refusal
from imports_pipeline.batch_phases.planning.plan import COUNTS
from imports_pipeline.model.imports import MORE_STATS, STATS
from imports_pipeline.model.option_choices import Mode
from imports_pipeline.model.options import LARGEST_COUNT
from imports_pipeline.workflow.decisions.commit import SeenPlan

#: The counts of a plan that a commit may name.
EXPECTED: Final = tuple(dict.fromkeys((*STATS, *MORE_STATS, *COUNTS)))


async def commit_of(request: Request) -> tuple[SeenPlan, Mode | None]:
    """Return what the caller has seen of the plan, and the mode of the import.

    Raises:
        Refusal: the body is no such object, or names neither the checksum nor the counts of the plan.
    """
    given = bodies.json_object(await request.body())
    checksum, counts = given.pop("plan_checksum", None), given.pop("expected", None)
    mode = given.pop("mode", None)
    if given or (mode is not None and mode not in list(Mode)):
        raise _invalid("The body may have `plan_checksum`, `expected` and `mode`, which is sync or mixed.")
    if not _is_text(checksum):
        raise _invalid("`plan_checksum` must be the text that the dry run has as plan_checksum.")
    if counts is not None and not (
        isinstance(counts, dict) and all(name in EXPECTED and is_count(one) for name, one in counts.items())
    ):
        raise _invalid(f"`expected` must be an object of counts of the plan; they are {', '.join(EXPECTED)}.")
    if checksum is None and not counts:
        raise _invalid(
            "Say which plan you have seen: send its `plan_checksum`, its counts as `expected`, or both."
        )
    return SeenPlan(checksum, counts), None if mode is None else Mode(mode)


def is_count(value: object) -> bool:
    """Return True for a whole number that a count of rows or records can be."""
    return type(value) is int and 0 <= value <= LARGEST_COUNT


def _is_text(value: object) -> bool:
    """Return True for a text that PostgreSQL can compare, and for None."""
    return value is None or (isinstance(value, str) and "\0" not in value)


def _invalid(message: str) -> Refusal:
    return Refusal(400, "invalid_request", message)
