"""The bodies of requests about a plan: to commit, to correct, to approve, or to reject it."""

from __future__ import annotations

import hashlib
from typing import Final

from fastapi import Request

from imports_pipeline.api.requests import bodies
from imports_pipeline.api.responses.envelope import Refusal
from imports_pipeline.batch_phases.planning.plan import COUNTS
from imports_pipeline.model.imports import MORE_STATS, STATS
from imports_pipeline.model.option_choices import Mode
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.options import LARGEST_COUNT
from imports_pipeline.schemas.column_mapping.saved_mapping import ANY
from imports_pipeline.sources.import_options import options_of
from imports_pipeline.workflow.decisions.commit import SeenPlan
from imports_pipeline.workflow.decisions.corrections import Corrections
from imports_pipeline.workflow.decisions.rejection import LONGEST_REASON

#: The largest number of rows that one request corrects; Mend shows as many.
LARGEST_CORRECTION: Final = 20_000
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


async def approval_of(request: Request) -> tuple[int | None, str | None]:
    """Return ``max_deletions`` and ``plan_checksum`` from the optional body of a request for an approval.

    Raises:
        Refusal: the body is no JSON object, or has anything else.
    """
    body = await request.body()
    given = bodies.json_object(body) if body else {}
    ceiling, checksum = given.pop("max_deletions", None), given.pop("plan_checksum", None)
    if given or not (ceiling is None or is_count(ceiling)) or not _is_text(checksum):
        raise _invalid(
            "The body may have `max_deletions`, the number of removals that you approve, and `plan_checksum`, that of"
            " the plan that you have seen."
        )
    return ceiling, checksum


async def rejection_of(request: Request) -> str:
    """Return the reason from the body of a rejection. Raises ``Refusal`` for any other body."""
    given = bodies.json_object(await request.body())
    reason = given.pop("reason", None)
    if (
        given
        or not isinstance(reason, str)
        or not _is_text(reason)
        or not 1 <= len(reason.strip()) <= LONGEST_REASON
    ):
        raise _invalid(f"The body has `reason`, a text of 1 to {LONGEST_REASON:,} characters.")
    return reason


def is_count(value: object) -> bool:
    """Return True for a whole number that a count of rows or records can be."""
    return type(value) is int and 0 <= value <= LARGEST_COUNT


def _is_text(value: object) -> bool:
    """Return True for a text that PostgreSQL can compare, and for None."""
    return value is None or (isinstance(value, str) and "\0" not in value)


def _invalid(message: str) -> Refusal:
    return Refusal(400, "invalid_request", message)


async def corrections_of(request: Request, resource: str) -> tuple[Corrections, str | None, bytes]:
    """Return the corrections, the name under which the mapping of the columns is saved, and a hash of the body.

    Raises:
        Refusal: the body is no such object, or has too many rows.
    """
    body = await request.body()
    given = bodies.json_object(body)
    rows, mapping, name = (
        given.pop("rows", None),
        given.pop("column_mapping", None),
        given.pop("save_as", None),
    )
    if given or not isinstance(rows, list):
        raise _invalid(
            "The body has `rows`, an array that may be empty, and may have `column_mapping` and `save_as`."
        )
    if len(rows) > LARGEST_CORRECTION:
        raise Refusal(
            413,
            "too_many_rows",
            f"There are {len(rows):,} corrected rows, and one request takes {LARGEST_CORRECTION:,}; correct the file"
            " itself, and send it again.",
        )
    corrected: dict[int, dict[str, str]] = {}
    for one in rows:
        if not isinstance(one, dict) or set(one) != {"line", "row"} or not is_count(one["line"]):
            raise _invalid(
                'Each of `rows` must be an object like {"line": 7, "row": {"email": "ada@example.com"}}.'
            )
        line, cells = one["line"], one["row"]
        if line in corrected:
            raise _invalid(f"Line {line} is corrected twice; send each line once.")
        if not isinstance(cells, dict) or not all(isinstance(cell, str) for cell in cells.values()):
            raise _invalid(f"The `row` of line {line} must be an object of texts by the headers of the file.")
        corrected[line] = cells
    if name == ANY:
        raise Refusal(400, "invalid_option", "save_as: takes a name; * stands for any saved mapping.")
    checked = {"column_mapping": mapping, "saved_mapping": name}
    try:
        options = options_of(resource, {key: one for key, one in checked.items() if one is not None})
    except InvalidOption as error:
        said = str(error).replace("saved_mapping", "save_as").replace(", or *,", ",")
        raise Refusal(400, "invalid_option", said[:1000]) from None
    columns = None if mapping is None else dict(options.column_mapping)
    return Corrections(corrected, columns), options.saved_mapping, hashlib.sha256(body).digest()
