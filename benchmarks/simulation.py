"""Simulation of a day of the queue: waiting times with first come, first served and with turns.

``SIM_ORGANIZATIONS`` (10,000), ``SIM_WORKERS`` (1,4,16), ``SIM_SEED`` (1). Each organization has a nightly sync; by day
people import small files; there are some giants; and one organization drops 1,000 files at once. What an import costs
is in ``SECONDS`` of ``imports_pipeline_tests/registry/simulated_queue.py`` (docs/how-to/scaling.md has the source).
"""

from __future__ import annotations

import os

from imports_pipeline_tests.registry.simulated_queue import HOUR, day, fifo, turns, waits


def at(sorted_waits: list[float], share: float) -> float:
    """Return the waiting time below which this share of the imports stays."""
    return sorted_waits[min(len(sorted_waits) - 1, int(share * len(sorted_waits)))]


def main() -> None:
    """Simulate and print a table."""
    organizations = int(os.environ.get("SIM_ORGANIZATIONS", "10000"))
    jobs = day(organizations, int(os.environ.get("SIM_SEED", "1")))
    work = sum(job.seconds for job in jobs)
    print(f"{len(jobs):,} imports of {organizations:,} organizations, {work / HOUR:.1f} hours of work")
    print("\n| places | queue | imports | half wait | 95 % | 99 % | all |\n|---|---|---|---|---|---|---|")
    for workers in map(int, os.environ.get("SIM_WORKERS", "1,4,16").split(",")):
        for name, policy in (("first come", fifo), ("turns", turns)):
            for kind, found in waits(policy(jobs, workers)).items():
                shares = " | ".join(clock(at(found, share)) for share in (0.5, 0.95, 0.99, 1))
                print(f"| {workers} | {name} | {kind} | {shares} |")


def clock(seconds: float) -> str:
    """Return a duration as text for people."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} h"


if __name__ == "__main__":
    main()
