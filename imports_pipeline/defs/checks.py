"""Asset checks: badges that warn about an import that succeeded but looks unusual.

Checks never stop an import; the guards do that. The ops of an import evaluate the checks when the import becomes a
materialization, so a failed import or a dry run does not change the result for the stored records. The jobs do not plan
the checks as steps. A check that a person executes repeats the result of the asset's last materialization.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg

from imports_pipeline.defs.metadata.import_metadata import duplicates_of
from imports_pipeline.defs.metadata.metadata_tables import listed
from imports_pipeline.defs.resources import Imports

# Dagster reads the annotations of checks as they are, so this module does not postpone their evaluation.
from imports_pipeline.model.imports import Import

#: If more rows than this percentage of the file are rejected, the format of the file has probably changed.
REJECTED_PERCENT: Final = 5.0
#: More duplicates than this percentage of the file's rows are a warning.
DUPLICATE_PERCENT: Final = 1.0
#: If an overwrite removes more than this percentage of its scope, that is a warning. The guard allows twice as much.
REMOVED_PERCENT: Final = 5.0

OF_BATCH: Final = {
    "rejected_rows": "No row of the file was rejected.",
    "duplicate_rows": f"At most {DUPLICATE_PERCENT:g} % of the file's rows stand for the same record as another row.",
    "unknown_columns": "The resource has every column of the file; none was ignored.",
}
OF_RECORDS: Final = {
    "removed_records": f"An overwrite removed at most {REMOVED_PERCENT:g} % of the records of its scope.",
}


@dataclass(frozen=True)
class Verdict:
    """The result of a check for one import."""

    name: str
    passed: bool
    description: str


def of_batch(import_: Import) -> Iterator[Verdict]:
    """Yield the results for a file that was checked and planned."""
    total = import_.phases[0]["total"] if import_.phases else 0
    rejected = sum(report["error"] for report in import_.phases)
    yield _rejected_rows(rejected, total)
    yield _share("duplicate_rows", "rows are duplicates", duplicates_of(import_), total, DUPLICATE_PERCENT)
    ignored = import_.detected.get("ignored_columns", [])
    yield Verdict(
        "unknown_columns",
        not ignored,
        f"{len(ignored):,} columns were ignored" + (f": {listed(ignored)}" if ignored else ""),
    )


def of_records(import_: Import) -> Iterator[Verdict]:
    """Yield the results for the changes of the stored records. Only an overwrite removes records outside its file."""
    scope = (import_.plan or {}).get("scope", 0)
    removed = import_.stats.get("overwritten", 0)
    yield _share(
        "removed_records", "records of the scope were removed by overwriting", removed, scope, REMOVED_PERCENT
    )


def _rejected_rows(count: int, total: int) -> Verdict:
    percent = _percent(count, total)
    cause = "; the format of the file has probably changed" if percent > REJECTED_PERCENT else ""
    description = f"{count:,} of {total:,} rows were rejected ({percent:g} %){cause}"
    return Verdict("rejected_rows", not count, description)


def _share(name: str, what: str, count: int, total: int, limit: float) -> Verdict:
    percent = _percent(count, total)
    description = f"{count:,} of {total:,} {what} ({percent:g} %; up to {limit:g} % is fine)"
    return Verdict(name, percent <= limit, description)


def _percent(count: int, total: int) -> float:
    return round(100 * count / total, 2) if total else 0.0


def log(context: dg.OpExecutionContext, asset: str, import_: Import, verdicts: Iterable[Verdict]) -> None:
    """Record the results for the import whose materialization this op creates."""
    for verdict in verdicts:
        context.log_event(
            # log_event accepts an AssetCheckEvaluation, although its signature does not include the type.
            dg.AssetCheckEvaluation(  # type: ignore[arg-type]
                asset_key=dg.AssetKey(asset),
                check_name=verdict.name,
                passed=verdict.passed,
                severity=dg.AssetCheckSeverity.WARN,
                description=verdict.description,
                metadata=_metadata(import_),
            )
        )


def _metadata(import_: Import) -> dict[str, dg.MetadataValue[Any]]:
    """Return texts only. The page plots numbers, and imports of all organizations would be in one line."""
    return {
        "import": dg.MetadataValue.text(import_.id),
        "organization": dg.MetadataValue.text(import_.organization_id),
    }


def build_checks(batches: str, records: str) -> list[dg.AssetChecksDefinition]:
    """Return the definitions of the checks on a resource's two assets."""
    return [_build(batches, OF_BATCH, of_batch), _build(records, OF_RECORDS, of_records)]


def _build(asset: str, described: dict[str, str], judge: Any) -> dg.AssetChecksDefinition:
    specs = [dg.AssetCheckSpec(name, asset=asset, description=text) for name, text in described.items()]

    # The page offers to execute only a check that can be executed without the others of its op.
    @dg.multi_asset_check(name=f"{asset}_checks", specs=specs, can_subset=True)
    def repeated(context: dg.AssetCheckExecutionContext, imports: Imports) -> Iterator[dg.AssetCheckResult]:
        event = context.instance.get_latest_materialization_event(dg.AssetKey(asset))
        materialization = event.asset_materialization if event else None
        if materialization is None:
            raise dg.Failure(f"Nothing has been imported into {asset} yet.", allow_retries=False)
        import_ = imports.workflow().get(str(materialization.metadata["import"].value))
        selected = {key.name for key in context.selected_asset_check_keys}
        for verdict in judge(import_):
            if verdict.name not in selected:
                continue
            yield dg.AssetCheckResult(
                asset_key=asset,
                check_name=verdict.name,
                passed=verdict.passed,
                severity=dg.AssetCheckSeverity.WARN,
                description=verdict.description,
                metadata=_metadata(import_),
            )

    return repeated
