"""The external assets of what arrives regularly: one for each sync, and one for each expected upload folder.

The run that completes an import of a sync or of such a folder materializes its asset (``runs/arrived.py``). Dagster's
freshness policy shows on the asset's page if the next import is late. But it knows no late asset that was never
materialized, and tells nobody. So each asset with ``expected_every`` also has the check ``arrived``, which the sensor
``arrivals`` evaluates, and the sensor reports late ones to the webhook.
"""

# Dagster reads the annotations of checks and sensors as they are, so this module does not postpone their evaluation.
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from imports_pipeline.defs import alerts
from imports_pipeline.defs.resources import Imports
from imports_pipeline.defs.runs import arrived
from imports_pipeline.sources.syncs import ExpectedUpload, Sync, Syncs

_CHECK: Final = "arrived"
_OWNERS: Final = ["team:imports"]
_EVALUATED: Final = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
# The metadata of the check with the time from which an import is expected if none has arrived yet.
_SINCE: Final = "expected_since"
# The characters that the name of an op cannot have.
_NOT_OF_OPS: Final = re.compile(r"\W", re.ASCII)


@dataclass(frozen=True)
class Expected:
    """An asset of which a materialization is expected at least every ``every``."""

    key: dg.AssetKey
    every: timedelta

    @property
    def check(self) -> dg.AssetCheckKey:
        """The key of its check."""
        return dg.AssetCheckKey(self.key, _CHECK)

    @property
    def op_name(self) -> str:
        """The name of the op of its check, which no other asset has.

        Dagster makes names of keys by replacing characters, so ``acme-inc`` and ``acme_inc`` would have the same name.
        """
        text = "/".join(self.key.path)
        name = f"{_CHECK}_{_NOT_OF_OPS.sub('_', text)}"
        # The key of a sync has no such character but the first slash.
        if _NOT_OF_OPS.search(text.replace("/", "")):
            name += f"_{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        return name


@dataclass(frozen=True)
class Verdict:
    """The result for an asset; ``since`` is when the last import arrived, or when one was first expected."""

    passed: bool
    since: datetime
    description: str


@dataclass(frozen=True)
class Arrivals:
    """The definitions for what arrives regularly."""

    assets: list[dg.AssetSpec]
    checks: list[dg.AssetChecksDefinition]
    sensors: list[dg.SensorDefinition]


def _now() -> datetime:
    return datetime.now(UTC)


def build_arrivals(syncs: Syncs, clock: Callable[[], datetime] = _now, *, suffix: str = "") -> Arrivals:
    """Return the assets of the syncs and upload folders, with their checks and the sensor that evaluates these.

    Args:
        clock: returns the time of an evaluation.
        suffix: the end of the name of the sensor, if the code location has others.
    """
    expected = [
        Expected(arrived.of_sync(sync.name), sync.expected_every)
        for sync in syncs.syncs
        if sync.expected_every
    ]
    expected += [
        Expected(arrived.of_folder(one.organization, one.resource), one.expected_every)
        for one in syncs.uploads
    ]
    return Arrivals(
        assets=[*map(_sync, syncs.syncs), *map(_folder, syncs.uploads)],
        checks=[_build_check(one, clock) for one in expected],
        sensors=[_build_sensor(expected, clock, suffix)] if expected else [],
    )


def judge(
    expected: Expected, arrived_at: datetime | None, expected_since: datetime | None, now: datetime
) -> Verdict:
    """Decide whether the next import is late.

    Args:
        arrived_at: when the last import has arrived, or None if none has.
        expected_since: from when on the first import is expected, or None if that is now.
    """
    since = arrived_at or expected_since or now
    shown = f"{since:%Y-%m-%d %H:%M} UTC"
    what = f"The last import arrived at {shown}" if arrived_at else f"No import has arrived since {shown}"
    return Verdict(
        now - since <= expected.every, since, f"{what}; one is expected every {_words(expected.every)}."
    )


def _words(every: timedelta) -> str:
    """Return a duration in its largest whole unit.

    >>> _words(timedelta(days=1)), _words(timedelta(hours=26)), _words(timedelta(minutes=90))
    ('1 d', '26 h', '90 min')
    """
    for unit, name in ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min")):
        if not every % unit:
            return f"{every // unit:,} {name}"
    return f"{every.total_seconds():,.0f} s"


def _sync(sync: Sync) -> dg.AssetSpec:
    options = {
        "action": sync.options.action.value,
        "source": sync.source,
        "cron": f"{sync.cron} ({sync.timezone})",
    }
    return _spec(
        arrived.of_sync(sync.name),
        "syncs",
        f"The sync `{sync.name}`, which the schedule `sync_{sync.name}` launches. Each completed import of it is a"
        f" materialization. It imports {sync.resource}s into the organization `{sync.organization}`.",
        {**options, "organization": sync.organization},
        sync.expected_every,
    )


def _folder(folder: ExpectedUpload) -> dg.AssetSpec:
    path = f"uploads/{folder.organization}/{folder.resource}/"
    return _spec(
        arrived.of_folder(folder.organization, folder.resource),
        "expected_uploads",
        f"Files that are dropped into `{path}`. Each completed import of one is a materialization.",
        {"organization": folder.organization},
        folder.expected_every,
    )


def _spec(
    key: dg.AssetKey, group: str, description: str, metadata: dict[str, str], every: timedelta | None
) -> dg.AssetSpec:
    return dg.AssetSpec(
        key,
        group_name=group,
        description=description,
        kinds={"csv"},
        owners=_OWNERS,
        metadata=metadata,
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=every) if every else None,
    )


def _build_check(expected: Expected, clock: Callable[[], datetime]) -> dg.AssetChecksDefinition:
    spec = dg.AssetCheckSpec(
        _CHECK, asset=expected.key, description=f"An import has arrived in the last {_words(expected.every)}."
    )

    # Dagster's `asset_check` takes no name of its op.
    @dg.multi_asset_check(name=expected.op_name, specs=[spec])
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        ((_, verdict, _),) = _look(context.instance, [expected], clock())
        return dg.AssetCheckResult(
            asset_key=expected.key,
            check_name=_CHECK,
            passed=verdict.passed,
            severity=dg.AssetCheckSeverity.WARN,
            description=verdict.description,
            metadata=_metadata(verdict),
        )

    return check


def _build_sensor(
    expected: Sequence[Expected], clock: Callable[[], datetime], suffix: str
) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"arrivals{suffix}",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Evaluates the check `arrived` of each sync and upload folder with `expected_every`, and reports a"
        " late one once to the webhook of `IMPORTS_WEBHOOK_URL`.",
    )
    def arrivals(context: dg.SensorEvaluationContext, imports: Imports) -> dg.SensorResult:
        found = _look(context.instance, expected, clock())
        changed = [(one, verdict) for one, verdict, before in found if verdict.passed is not before]
        settings = imports.workflow().settings
        late = {one.key.to_user_string(): (one, verdict) for one, verdict, _ in found if not verdict.passed}
        # The last result of a check may be one of *Execute*, which reports nothing.
        reported = set(json.loads(context.cursor or "[]")) & late.keys()
        if settings.webhook_url and (new := [each for name, each in late.items() if name not in reported]):
            # An error ends the tick, which then has recorded nothing, so the next tick reports the same again.
            alerts.send(settings, {"text": "\n".join(_message(settings.dagster_url, *each) for each in new)})
            reported = set(late)
        return dg.SensorResult(
            asset_events=[
                dg.AssetCheckEvaluation(
                    asset_key=one.key,
                    check_name=_CHECK,
                    passed=verdict.passed,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=verdict.description,
                    metadata=_metadata(verdict),
                )
                for one, verdict in changed
            ],
            skip_reason=f"Late: {', '.join(late)}." if late else "Nothing is late.",
            # The names of the late assets that were reported: a list, which is never empty text.
            cursor=json.dumps(sorted(reported)),
        )

    return arrivals


def _look(
    instance: dg.DagsterInstance, expected: Sequence[Expected], now: datetime
) -> list[tuple[Expected, Verdict, bool | None]]:
    """Evaluate all; return with each verdict whether the last recorded one had passed, or None without one."""
    records = {
        record.asset_entry.asset_key: record.asset_entry.last_materialization_record
        for record in instance.get_asset_records([one.key for one in expected])
    }
    found = []
    for one in expected:
        last = records.get(one.key)
        arrived_at = datetime.fromtimestamp(last.timestamp, UTC) if last else None
        before, expected_since = _last_verdict(instance, one.check)
        found.append((one, judge(one, arrived_at, expected_since, now), before))
    return found


def _last_verdict(
    instance: dg.DagsterInstance, check: dg.AssetCheckKey
) -> tuple[bool | None, datetime | None]:
    # The latest record of a check may be of a run that has not evaluated it yet.
    records = instance.event_log_storage.get_asset_check_execution_history(check, limit=1, status=_EVALUATED)
    evaluation = records[0].evaluation if records else None
    if evaluation is None:
        return None, None
    since = evaluation.metadata.get(_SINCE)
    if not isinstance(since, dg.TimestampMetadataValue):
        return evaluation.passed, None
    return evaluation.passed, datetime.fromtimestamp(since.value, UTC)


def _metadata(verdict: Verdict) -> dict[str, Any]:
    return {_SINCE: dg.MetadataValue.timestamp(verdict.since)}


def _message(dagster_url: str, expected: Expected, verdict: Verdict) -> str:
    name = expected.key.to_user_string()
    return f":hourglass: <{dagster_url}/assets/{name}|{name}> is late. {verdict.description}"
