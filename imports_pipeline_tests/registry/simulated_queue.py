"""A day of the queue in plain Python, seeded and without a clock: first come, first served, and turns.

``turns`` is what the system does: the sensor ``queued_batches`` hands over up to 50 batches every five seconds and ten
of an organization ahead, by the rule of ``registry/batch_queue.py``, and Dagster's queue starts them by priority, one
for each organization at a time. ``test_batch_queue.py`` compares it with the real queue, ``make simulate`` prints it.
"""

from __future__ import annotations

import heapq
import random
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

HOUR = 3600.0
# Seconds for which an import occupies a place: a constant, and for each row.
SECONDS = (2.1, 27e-6)
TICK_SECONDS = 5.0
BATCHES_A_TICK = 50
AHEAD = 10


@dataclass(frozen=True)
class Job:
    """An import that enters the queue at the second ``at`` of the day and occupies a place for ``seconds``."""

    organization: int
    at: float
    seconds: float
    kind: str

    @property
    def scheduled(self) -> bool:
        """True if no person waits for the import."""
        return self.kind == "nightly"


def day(organizations: int, seed: int) -> list[Job]:
    """Return the imports of one day, in order of time."""
    rng = random.Random(seed)

    def job(organization: int, at: float, rows: float, kind: str) -> Job:
        return Job(organization, at, SECONDS[0] + rows * SECONDS[1], kind)

    jobs = []
    for organization in range(organizations):
        # People set schedules to full hours and quarters.
        at = rng.choice((0, 1, 2, 2, 3, 4)) * HOUR + rng.choice((0, 0, 0, 15, 30)) * 60
        jobs.append(job(organization, at, rng.lognormvariate(7, 1.5), "nightly"))
    for _ in range(2 * organizations):
        at = rng.triangular(7, 19, 11) * HOUR
        jobs.append(job(rng.randrange(organizations), at, rng.lognormvariate(5, 1.5), "by day"))
    jobs += [
        job(rng.randrange(organizations), rng.uniform(8, 16) * HOUR, 10_000_000, "giant") for _ in range(6)
    ]
    jobs += [job(0, 9 * HOUR + n * 0.01, rng.lognormvariate(6, 1), "1,000 at once") for n in range(1000)]
    return sorted(jobs, key=lambda one: one.at)


def fifo(jobs: Iterable[Job], workers: int) -> Iterator[tuple[Job, float]]:
    """Yield each job with its waiting time under first come, first served."""
    free = [0.0] * workers
    for job in jobs:
        begin = max(job.at, heapq.heappop(free))
        heapq.heappush(free, begin + job.seconds)
        yield job, begin - job.at


@dataclass
class Turns:
    """A model of the queue: ``waiting`` jobs have not been requested yet, ``launched`` jobs are in Dagster's queue."""

    workers: int
    waiting: dict[int, deque[Job]] = field(default_factory=lambda: defaultdict(deque))
    launched: dict[int, list[tuple[bool, int, Job]]] = field(default_factory=lambda: defaultdict(list))
    running: set[int] = field(default_factory=set)
    # (no person waits, rank among the organization's jobs, time of arrival, organization)
    _next: list[tuple[bool, int, float, int]] = field(default_factory=list)
    _ready: list[tuple[bool, int, int]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def come(self, job: Job) -> None:
        """Add a job."""
        self.waiting[job.organization].append(job)
        if len(self.waiting[job.organization]) == 1:
            self._offer(job.organization)

    def hand_over(self, limit: int = BATCHES_A_TICK) -> list[Job]:
        """Run one tick of the sensor."""
        given: list[Job] = []
        while self._next and len(given) < limit:
            scheduled, place, at, organization = heapq.heappop(self._next)
            of_it = self.waiting[organization]
            # This entry is outdated: its rank has changed, or the job has been requested.
            if (
                not of_it
                or (scheduled, place) != self._rank(organization)
                or at != of_it[0].at
                or place > AHEAD
            ):
                continue
            job = of_it.popleft()
            given.append(job)
            heapq.heappush(self.launched[organization], (job.scheduled, next(self._numbers), job))
            self._wake(organization)
            self._offer(organization)
        return given

    def start(self) -> Job | None:
        """Start the first job of Dagster's queue that may run, if a place is free."""
        while self._ready and len(self.running) < self.workers:
            _, number, organization = heapq.heappop(self._ready)
            of_it = self.launched[organization]
            if organization in self.running or not of_it or of_it[0][1] != number:
                continue
            self.running.add(organization)
            return heapq.heappop(of_it)[2]
        return None

    def end(self, job: Job) -> None:
        """Free the place of a job and the turn of its organization."""
        self.running.discard(job.organization)
        self._wake(job.organization)
        self._offer(job.organization)

    def _rank(self, organization: int) -> tuple[bool, int]:
        before = len(self.launched[organization]) + (organization in self.running)
        return self.waiting[organization][0].scheduled, before + 1

    def _offer(self, organization: int) -> None:
        if self.waiting[organization]:
            job = self.waiting[organization][0]
            heapq.heappush(self._next, (*self._rank(organization), job.at, organization))

    def _wake(self, organization: int) -> None:
        if self.launched[organization] and organization not in self.running:
            scheduled, number, _ = self.launched[organization][0]
            heapq.heappush(self._ready, (scheduled, number, organization))


def turns(jobs: list[Job], workers: int) -> Iterator[tuple[Job, float]]:
    """Yield each job with its waiting time when organizations take turns."""
    queue, ends, numbers = Turns(workers), list[tuple[float, int, Job]](), count()
    coming = deque(jobs)
    now = 0.0
    while coming or ends or any(queue.waiting.values()):
        now += TICK_SECONDS
        # Between two ticks, jobs end and free their places one after the other.
        while ends and ends[0][0] <= now:
            at, _, done = heapq.heappop(ends)
            queue.end(done)
            while job := queue.start():
                heapq.heappush(ends, (at + job.seconds, next(numbers), job))
                yield job, at - job.at
        while coming and coming[0].at <= now:
            queue.come(coming.popleft())
        queue.hand_over()
        while job := queue.start():
            heapq.heappush(ends, (now + job.seconds, next(numbers), job))
            yield job, now - job.at


def waits(found: Iterable[tuple[Job, float]]) -> dict[str, list[float]]:
    """Return waiting times by kind, without those of the organization with a thousand imports a day."""
    by_kind = defaultdict[str, list[float]](list)
    for job, wait in found:
        if job.organization or job.kind == "1,000 at once":
            by_kind[job.kind].append(wait)
    return {kind: sorted(by_kind[kind]) for kind in ("by day", "giant", "1,000 at once", "nightly")}
