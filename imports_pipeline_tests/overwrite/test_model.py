"""Random sequences of imports, reverts, crashes and retries; after every step all is as the model says.

Steps and seed are printed (``pytest -s``, and always with a failure). ``MODEL_SEED=n`` runs other sequences,
``MODEL_EXAMPLES=n`` more of them; ``make soak`` runs 400 from a seed of its day, which is 32,000 steps. The imports of
one half change the records in place. In the other half each import that writes a record builds an edition. All files
are remembered.
"""

from __future__ import annotations

import math
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from imports_pipeline.batch_phases.large_writes.edition_write import LargeWrites
from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.import_phases.memory.remembering import MemoryRule
from imports_pipeline.model.phases import CHECKING_PHASES
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.overwrite import Runs
from imports_pipeline_tests.overwrite.crashes.fault_points import Crash, Tap, TappedDatabase
from imports_pipeline_tests.overwrite.steps import FAULTS, Fault, Steps
from imports_pipeline_tests.overwrite.uploads import Template, template

SEED = int(os.environ.get("MODEL_SEED") or 20261129)
EXAMPLES = int(os.environ.get("MODEL_EXAMPLES") or 4)
STEPS = 40
# From this number of examples on, each kind of step surely occurs. The first examples are simple: they may repeat one
# step, or end after a few.
_ENOUGH = 8


def templates(*resources: str) -> st.SearchStrategy[Template]:
    """Return uploads; each is one number, so that chances are what ``uploads`` says."""
    return st.builds(
        lambda resource, number: template(random.Random(number), resource),
        st.sampled_from(resources),
        st.integers(0, 2**40),
    )


class Machine(RuleBasedStateMachine):
    """What may happen to one organization."""

    made: Counter[str]
    workflow: ImportWorkflow
    folder: Path
    names: Iterator[int]

    @initialize()
    def begin(self) -> None:
        self.steps = Steps(self.workflow, f"model-{next(self.names)}", self.folder, self.made)
        self.steps.begin()

    @rule(template=templates("contact"), fault=FAULTS)
    def import_contacts(self, template: Template, fault: Fault | None) -> None:
        self.steps.imports(template, fault)

    @rule(template=templates("group"), fault=FAULTS)
    def import_groups(self, template: Template, fault: Fault | None) -> None:
        self.steps.imports(template, fault)

    @rule(template=templates("contact", "contact", "group"))
    def plan(self, template: Template) -> None:
        self.steps.plans(template)

    @rule(template=templates("contact", "contact", "group"), fault=FAULTS)
    def check(self, template: Template, fault: Fault | None) -> None:
        self.steps.checks(template, fault)

    @precondition(lambda self: self.steps.pending)
    @rule(which=st.integers(0, 9), fault=FAULTS)
    def write(self, which: int, fault: Fault | None) -> None:
        self.steps.writes(which, fault)

    @precondition(lambda self: self.steps.written)
    @rule(which=st.integers(0, 30), dry_run=st.booleans(), fault=FAULTS)
    def revert(self, which: int, dry_run: bool, fault: Fault | None) -> None:
        self.steps.reverts(which, dry_run, fault)

    @invariant()
    def as_the_model(self) -> None:
        if hasattr(self, "steps"):
            self.steps.compare()


@pytest.mark.long
@pytest.mark.parametrize("part", [0, 1], ids=["in place", "editions"])
def test_it_is_as_the_model_says(
    database_url: str, tmp_path: Path, part: int, workflow: ImportWorkflow
) -> None:
    database = TappedDatabase(database_url, Tap())
    database.session = "SET synchronous_commit = off"
    rule = LargeWrites(least_records=1, least_created=1, most_cost=math.inf if part else 0)
    quick = ImportWorkflow(
        database,
        LocalStore(tmp_path / "files"),
        Settings(home=tmp_path),
        large_writes=rule,
        memory_rule=MemoryRule(least_bytes=0, least_rows=0, always_read=1, shown=0),
    )
    made: Counter[str] = Counter()
    names = iter(range(part * 10**9, (part + 1) * 10**9))
    machine = type(
        "Machine", (Machine,), {"workflow": quick, "folder": tmp_path, "made": made, "names": names}
    )
    how = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seed(SEED + part)(machine), settings=how)
    finally:
        database.close()
        print(f"MODEL_SEED={SEED}, part {part}: {made['step']} steps, {dict(made)}")
    # Every example begins with two imports.
    assert made["completed"] >= 2 * EXAMPLES
    if EXAMPLES >= _ENOUGH:
        assert made["completed"] > 4 * EXAMPLES
        assert {"failed", "reverted", "crashed", "written later", "planned"} <= set(made)


#: Found by the model: an email that matches nothing decides before an external id that another record has.
def test_a_unique_value_after_the_key_that_decides(runs: Runs) -> None:
    runs.completed("name,email,external_id\nAnn,ann@example.com,E-1\n")
    import_ = runs.run(
        "name,email,external_id\nNew,new@example.com,E-1\nBob,bob@example.com,E-2\n",
        match_on="email,external_id",
    )
    assert runs.codes(import_) == {2: ["value_taken"]}
    assert runs.names() == ["Ann", "Bob"]


def test_the_verdict_on_all_rows_rejected_is_the_same_after_a_crash(runs: Runs) -> None:
    """Found by the model: what a later phase rejected was counted when an earlier one was passed over."""
    runs.completed("name,external_id\nAnn,E-1\n")
    content = "name,email,external_id\nNew,a@example.com,E-1\nNew,b@example.com,E-1\n"
    wanted = runs.run(content, match_on="email", max_errors=1)
    assert wanted.code == "no_valid_row"
    database = TappedDatabase(runs.workflow.database.url, Tap())
    workflow = ImportWorkflow(database, runs.workflow.store, runs.workflow.settings)
    import_ = runs.register(content, match_on="email", max_errors=1)
    for phase in CHECKING_PHASES[:-1]:
        workflow.check(import_.id, phase)
    commits = 0

    def at_the_commit(connection: object) -> None:
        nonlocal commits
        commits += database.tap.seen[-1] == "COMMIT is done"
        if commits:
            raise Crash
        database.tap.at = len(database.tap.seen) + 1

    database.tap.arm(1, at_the_commit)
    with pytest.raises(Crash):
        workflow.check(import_.id, CHECKING_PHASES[-1])
    done = runs.check(import_)
    assert (done.code, done.reason, done.stats) == (wanted.code, wanted.reason, wanted.stats)
