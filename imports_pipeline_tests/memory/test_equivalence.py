"""With a memory every import leaves the same as without: random nights in two organizations.

Imports of the first break off now and then, and are tried again. ``MEMORY_SEED=n`` runs other nights and
``MEMORY_NIGHTS=n`` more organizations of 20 steps; ``make soak`` runs 400.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from imports_pipeline.import_phases.memory.remembering import MemoryRule
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.memory.worlds import Worlds
from imports_pipeline_tests.overwrite.crashes.fault_points import Tap, TappedDatabase

SEED = int(os.environ.get("MEMORY_SEED") or 20261138)
ORGANIZATIONS = int(os.environ.get("MEMORY_NIGHTS") or 2)
STEPS = 20


@pytest.mark.parametrize("bits", [128, 4])
def test_every_import_leaves_the_same_as_without_a_memory(
    workflow: ImportWorkflow, organization: str, tmp_path: Path, bits: int
) -> None:
    # Of 17 rows, two have the same four bits, so no memory is used.
    rule = MemoryRule(0, least_rows=0 if bits == 128 else 17, always_read=1, shown=0, bits=bits)
    made: Counter[str] = Counter()
    database = TappedDatabase(workflow.database.url, Tap())
    for number in range(ORGANIZATIONS if bits == 128 else max(1, ORGANIZATIONS // 4)):
        seed = SEED + number
        worlds = Worlds(
            replace(workflow, memory_rule=rule, database=database),
            workflow,
            f"{organization}-{bits}-{number}",
            tmp_path,
            seed,
            made,
        )
        for step in range(STEPS):
            try:
                worlds.step()
            except BaseException:
                print(f"seed {seed}, step {step}: {dict(made)}")
                raise
        print(f"seed {seed}: {dict(made)}", flush=True)
    database.close()
    print(dict(made))
    if bits == 128:
        assert made["imports with memory"]
        assert made["crash"]
