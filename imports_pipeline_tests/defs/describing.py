"""Describes the Dagster definitions as plain text, for the snapshot that a test compares.

Write the snapshot anew with ``python -m imports_pipeline_tests.defs.describing`` and read its diff.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import dagster as dg

from imports_pipeline.defs.build import build_definitions

SNAPSHOT: Final = Path(__file__).with_name("definitions.txt")


def describe() -> str:
    """Return what a person, a sensor or another system can name: assets, jobs and their config, sensors, resources."""
    return "\n".join(_lines(build_definitions())) + "\n"


def flat_config(job: dg.JobDefinition) -> dict[str, dg.Field]:
    """Return the fields of a job's flat run config; none for a job that is configured by the op."""
    mapping = job.config_mapping
    fields = dict(getattr(mapping.config_schema.config_type, "fields", {})) if mapping else {}
    return {} if "ops" in fields else fields


def jobs(definitions: dg.Definitions) -> list[dg.JobDefinition]:
    """Return our jobs by name, without Dagster's own."""
    found = definitions.get_repository_def().get_all_jobs()
    return sorted((job for job in found if not job.name.startswith("__")), key=lambda job: job.name)


def _lines(definitions: dg.Definitions) -> Iterator[str]:
    graph = definitions.resolve_asset_graph()
    for key in sorted(graph.get_all_asset_keys(), key=lambda key: key.path):
        yield from _asset(graph.get(key))
        for check in sorted(graph.get_check_keys_for_assets({key}), key=lambda check: check.name):
            yield f"  check {check.name}"
    for job in jobs(definitions):
        yield from _job(job)
    repository = definitions.get_repository_def()
    for sensor in sorted(repository.sensor_defs, key=lambda sensor: sensor.name):
        yield f"sensor {sensor.name}"
        yield f"  {sensor.sensor_type.value}, {sensor.default_status.value}, {sensor.minimum_interval_seconds} s"
        if targets := sorted(target.job_name for target in sensor.targets):
            yield f"  launches {', '.join(targets)}"
    yield from (f"schedule {schedule.name}" for schedule in repository.schedule_defs)
    yield f"resources {', '.join(sorted(repository.get_top_level_resources()))}"
    yield f"loggers {', '.join(sorted(definitions.loggers or {}))}"


def _asset(node: Any) -> Iterator[str]:
    yield f"asset {node.key.to_user_string()}" + ("" if node.is_executable else " (external)")
    yield f"  group {node.group_name}, kinds {', '.join(sorted(node.kinds))}"
    if node.parent_keys:
        yield f"  after {', '.join(sorted(key.to_user_string() for key in node.parent_keys))}"
    if (columns := node.metadata.get("dagster/column_schema")) is not None:
        yield from (f"  column {column.name}" for column in columns.columns)


def _job(job: dg.JobDefinition) -> Iterator[str]:
    yield f"job {job.name}"
    yield f"  executor {job.executor_def.name}"
    if assets := sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys):
        yield f"  assets {', '.join(assets)}"
    yield f"  ops {', '.join(sorted(node.name for node in job.all_node_defs if isinstance(node, dg.OpDefinition)))}"
    yield from (f"  tag {name} = {value}" for name, value in sorted(job.tags.items()))
    for name, field in sorted(flat_config(job).items()):
        kind = field.config_type.given_name or field.config_type.kind.value
        yield f"  config {name}: {kind}" + (f" = {field.default_value!r}" if field.default_provided else "")


if __name__ == "__main__":
    SNAPSHOT.write_text(describe())
