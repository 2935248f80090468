"""The queue of batches on a clock of the test's: priorities, turns, and that the simulated queue is the real one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imports_pipeline.model.options import Options
from imports_pipeline.registry import batch_queue, import_records
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.registry.simulated_queue import Job, Turns, day, fifo, turns, waits

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Queue:
    """The real queue, empty but for what the test puts there; nothing of it is committed."""

    connection: psycopg.Connection
    batches: dict[str, str] = field(default_factory=dict)

    def come(
        self, organization: str, at: float, *, scheduled: bool = False, resource: str = "contact"
    ) -> str:
        """Queue a batch at a second of the test's clock; give its import's id."""
        import_ = import_records.create_import(
            self.connection,
            organization_id=organization,
            resource=resource,
            options=Options(),
            source="schedule" if scheduled else "api",
        )
        batch = import_records.create_batch(self.connection, import_)
        self.connection.execute(
            "UPDATE batches SET status = 'queued', created_at = %s WHERE id = %s",
            (BEGIN + timedelta(seconds=at), batch.id),
        )
        return import_.id

    def be(self, import_id: str, status: str) -> None:
        self.connection.execute("UPDATE batches SET status = %s WHERE import_id = %s", (status, import_id))

    def tick(self, limit: int = 50) -> list[str]:
        return batch_queue.hand_over(self.connection, limit)


@pytest.fixture
def real(workflow: ImportWorkflow) -> Iterator[Queue]:
    with workflow.database.connect(autocommit=False) as connection:
        connection.execute("UPDATE batches SET status = 'completed'")
        yield Queue(connection)
        connection.rollback()


def test_organizations_take_turns_however_much_one_has(real: Queue) -> None:
    many = [real.come("many", n) for n in range(1000)]
    few = [real.come("few", 2000 + n) for n in range(2)]
    assert real.tick(4) == [many[0], few[0], many[1], few[1]]
    assert real.tick() == many[2:10], "what is in Dagster's queue is past taking turns"
    late = real.come("late", 3000)
    assert real.tick() == [late]
    for import_id in many[:3]:
        real.be(import_id, "completed")
    assert real.tick() == many[10:13]


def test_what_somebody_waits_for_goes_first_and_resources_of_one_organization_take_turns(real: Queue) -> None:
    nightly = [real.come(f"org-{n}", n, scheduled=True) for n in range(30)]
    groups = real.come("org-0", 100, resource="group")
    contact = real.come("other", 101)
    assert real.tick(3) == [groups, contact, nightly[0]]
    assert real.tick() == nightly[1:]


def test_one_that_is_being_written_keeps_its_place(real: Queue) -> None:
    one, two = (real.come("one", n) for n in range(2))
    other = real.come("other", 5)
    assert real.tick(1) == [one]
    real.be(one, "processing")
    assert real.tick() == [other, two]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False), st.integers(1, 6), st.integers(1, 20))
def test_the_simulated_queue_is_the_real_one(
    real: Queue, rng: random.Random, organizations: int, limit: int
) -> None:
    with real.connection.transaction(force_rollback=True):
        follow(real, rng, organizations, limit)


def follow(real: Queue, rng: random.Random, organizations: int, limit: int) -> None:
    """Do the same to both, at random, and hold each tick of one to that of the other."""
    kinds = ["nightly" if rng.random() < 0.3 else "by day" for _ in range(organizations)]
    model, known, clock = Turns(2), dict[Job, str](), count()
    running: list[Job] = []
    for _ in range(8):
        for _ in range(rng.randrange(9)):
            organization = rng.randrange(organizations)
            job = Job(organization, float(next(clock)), 1, kinds[organization])
            model.come(job)
            known[job] = real.come(f"org-{organization}", job.at, scheduled=job.scheduled)
        assert [known[job] for job in model.hand_over(limit)] == real.tick(limit)
        while job := model.start():
            running.append(job)
            real.be(known[job], "processing")
        while running and rng.random() < 0.7:
            done = running.pop(rng.randrange(len(running)))
            model.end(done)
            real.be(known[done], "completed")


def test_a_simulated_day_is_the_same_every_time_and_turns_are_fair() -> None:
    jobs = day(300, seed=7)
    for workers in (1, 4):
        one, again = (list(turns(jobs, workers)) for _ in range(2))
        assert one == again
        assert sorted(job.at for job, _ in one) == [job.at for job in jobs], "each is done once"
        assert all(wait >= 0 for _, wait in one)
        first_come, by_turns = waits(fifo(jobs, workers)), waits(one)
        assert by_turns["by day"][-1] < first_come["by day"][-1] / 2
