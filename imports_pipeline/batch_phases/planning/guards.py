"""The guards: conditions on a plan that must hold before anything is written.

An overwrite may always remove up to ``floor`` records. It may remove more only up to ``percent`` of its scope, and
never more than ``total``. If ``max_deletions`` is set, a person has approved that number, and it is the only limit.

The limits combine a count with a share, because neither is enough alone: a share refuses harmless changes of small
scopes, and lets a large scope lose thousands of records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.options import Options


@dataclass(frozen=True)
class Limits:
    """The limits of what an overwrite may remove without approval: two counts of records and a share of the scope."""

    floor: int = 10
    percent: float = 10.0
    total: int = 500

    def of(self, options: Options) -> Limits:
        """Return the limits of one import: its own where its options have them, else these."""
        return Limits(
            self.floor if options.deletion_floor is None else options.deletion_floor,
            self.percent if options.deletion_percent is None else options.deletion_percent,
            self.total if options.deletion_total is None else options.deletion_total,
        )

    def at_most(self, other: Limits) -> Limits:
        """Return the smaller of both in each limit."""
        return Limits(
            min(self.floor, other.floor), min(self.percent, other.percent), min(self.total, other.total)
        )


def check_deletions(
    options: Options,
    resource: str,
    plan: Mapping[str, int],
    limits: Limits,
    cause: str = "",
    *,
    four_eyes: bool = False,
) -> None:
    """Raise ``PermanentFailure`` if the plan removes more records than the limits allow.

    The reason of the failure says how to approve the plan.

    Args:
        options: the options of the import.
        resource: the name of its resource.
        plan: the counts of ``plan.COUNTS``.
        limits: the limits of the installation.
        cause: a sentence that explains why so many records would be removed, if it is known. It is part of the reason.
        four_eyes: True if the options may only make the limits stricter, because nobody else has approved the import.
    """
    removed = plan["overwritten"] if options.action is Action.OVERWRITE else plan["deleted"]
    if options.max_deletions is not None:
        if removed > options.max_deletions:
            raise PermanentFailure(
                "too_many_deletions",
                f"The {options.action} would remove {removed:,} {resource}s, more than max_deletions"
                f" {options.max_deletions:,} allows; nothing was changed. The plan file lists them;"
                f" if they are to go, {_approval(removed, four_eyes=four_eyes)}.",
            )
        if not four_eyes:
            return
    if options.action is not Action.OVERWRITE or removed == 0:
        return
    scope, own = plan["scope"], limits.of(options)
    if four_eyes:
        own = own.at_most(limits)
    share = 100 * removed / scope
    numbers = f"The overwrite would remove {removed:,} of {scope:,} {resource}s ({share:.1f} %)"
    cause += " " if cause else ""
    how = _approval(removed, four_eyes=four_eyes)
    approval = f"{cause}The plan file lists them; if they are to go, {how}."
    if removed > own.total:
        raise PermanentFailure(
            "too_many_deletions", f"{numbers}, more than {own.total:,}; nothing was changed. {approval}"
        )
    if removed > own.floor and share > own.percent:
        raise PermanentFailure(
            "too_many_deletions",
            f"{numbers}, more than {own.floor:,} and more than {own.percent:g} %; nothing was changed. {approval}",
        )
    if plan["unidentified"]:
        unidentified = plan["unidentified"]
        rows = (
            f"the rejected row of line {plan['first_unidentified']:,} does not show whose it is: its record may"
            if unidentified == 1
            else f"{unidentified:,} rejected rows do not show whose they are (the first is line"
            f" {plan['first_unidentified']:,}): their records may"
        )
        raise PermanentFailure(
            "unidentified_rows",
            f"{numbers}, and {rows} be among these; nothing was changed. Correct the rows in the errors file, or, if"
            f" the records are to go, {how}.",
        )


def _approval(removed: int, *, four_eyes: bool) -> str:
    """Return how removals are approved."""
    if four_eyes:
        return "somebody else may approve the import"
    return f"approve the import, or import again with max_deletions {removed}"


def check_errors(options: Options, rejected: int, total: int) -> None:
    """Raise ``PermanentFailure`` if more of the file's ``total`` rows were rejected than ``max_errors`` allows."""
    limit = options.max_errors
    if limit is None:
        return
    # A fraction is exact. As a float, 0.57 % of 10,000 is a little less than 57.
    allowed = total * Fraction(limit[:-1]) / 100 if isinstance(limit, str) else limit
    if rejected > allowed:
        raise PermanentFailure(
            "too_many_errors",
            f"{rejected:,} of {total:,} rows were rejected, more than max_errors {limit} allows; nothing was"
            " changed. Correct the rows in the errors file, or raise max_errors.",
        )
