"""The metrics of the API in Prometheus' text format: what the database says of all imports, and errors of requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from imports_pipeline.model.errors import IMPORT_CODES
from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.phases import PHASES
from imports_pipeline.model.statuses import FINAL, OPEN
from imports_pipeline.registry.import_totals import OUTCOMES, PHASE_SECONDS, ImportTotals, Monitored
from imports_pipeline.schemas.catalog import RESOURCES

if TYPE_CHECKING:
    from prometheus_client.core import Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The metrics of one API process."""

    def __init__(self) -> None:
        """Create metrics without errors."""
        self.totals = ImportTotals()
        #: The number of requests that failed because of the database, the store, or a fault of the program.
        self.errors: Counter[str] = Counter(database=0, store=0, fault=0)

    def text(self, monitored: Monitored, *, store_is_up: bool) -> bytes:
        """Return the metrics as Prometheus reads them."""
        # Only this route needs the library.
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.registry import Collector

        errors = dict(self.errors)

        class Once(Collector):
            def collect(self) -> Iterator[Metric]:
                return _metrics(monitored, errors, store_is_up=store_is_up)

        registry = CollectorRegistry()
        registry.register(Once())
        return bytes(generate_latest(registry))


def _all(counts: Mapping[Any, float], *labels: Iterable[str]) -> dict[tuple[str, ...], float]:
    """Return the counts of all combinations of labels, also of those that are 0.

    Prometheus sees no increase in a series that begins with its first event.
    """
    zeros = dict.fromkeys(product(*(map(str, one) for one in labels)), 0.0)
    return {**zeros, **counts}


def _metrics(monitored: Monitored, errors: dict[str, int], *, store_is_up: bool) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    def family(kind: Any, name: str, text: str, labels: str, values: Any) -> Metric:
        found = kind(name, text, labels=labels.split())
        for key, value in values.items():
            found.add_metric(key if isinstance(key, tuple) else (key,), value)
        metric: Metric = found
        return metric

    totals = monitored.totals
    counter, gauge = CounterMetricFamily, GaugeMetricFamily
    rows, rejected = (_all(counts, RESOURCES, Action) for counts in (totals.rows, totals.rejected))
    yield family(
        counter,
        "imports_ended",
        "Imports that have ended, by their final status.",
        "resource action status",
        _all(totals.ended, RESOURCES, Action, FINAL),
    )
    yield family(
        counter,
        "imports_failed",
        "Imports that did not complete, by the code of the reason.",
        "code",
        _all({(code,): count for code, count in totals.failed.items()}, IMPORT_CODES),
    )
    yield family(
        gauge,
        "imports_open",
        "Imports that have not ended.",
        "resource status",
        _all(monitored.open, RESOURCES, OPEN),
    )
    yield family(
        gauge,
        "imports_oldest_queued_seconds",
        "Seconds since the oldest queued import was queued, of the 20 organizations that wait longest.",
        "organization",
        monitored.queued_seconds,
    )
    yield family(
        counter,
        "imports_rows",
        "Rows of imported files.",
        "resource action",
        rows,
    )
    yield family(
        counter,
        "imports_rejected_rows",
        "Rows that were rejected.",
        "resource action",
        rejected,
    )
    yield family(
        counter,
        "imports_records",
        "Stored records by what imports did with them; overwritten ones were removed by an overwrite.",
        "resource action outcome",
        _all(totals.records, RESOURCES, Action, OUTCOMES),
    )
    phases = HistogramMetricFamily(
        "imports_phase_seconds", "Seconds that a phase of an import took.", labels=["phase"]
    )
    for phase in PHASES:
        below, buckets = 0, []
        for place in range(len(PHASE_SECONDS) + 1):
            below += totals.phases[phase, place]
            bound = str(PHASE_SECONDS[place]) if place < len(PHASE_SECONDS) else "+Inf"
            buckets.append((bound, below))
        phases.add_metric([phase], buckets, totals.seconds[phase])
    yield phases
    yield family(
        gauge, "imports_store_up", "1 if the file store responds, otherwise 0.", "", {(): int(store_is_up)}
    )
    yield family(
        counter,
        "imports_api_errors",
        "Requests to this API process that failed because of the database, the file store, or a fault.",
        "kind",
        errors,
    )
