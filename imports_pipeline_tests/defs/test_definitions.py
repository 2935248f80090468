"""The Dagster definitions: what they are called is what people, sensors and run keys rely on."""

from __future__ import annotations

import dagster as dg
import pytest

from imports_pipeline.defs import config
from imports_pipeline.defs.build import build_definitions
from imports_pipeline.defs.jobs import job_names
from imports_pipeline.defs.one_job import build_job
from imports_pipeline.defs.resources import Imports
from imports_pipeline.model.options import Options
from imports_pipeline_tests.defs.describing import SNAPSHOT, describe, flat_config, jobs


def test_they_are_what_they_were() -> None:
    """Compare with the snapshot; `python -m imports_pipeline_tests.defs.describing` writes it anew."""
    assert describe() == SNAPSHOT.read_text()


@pytest.mark.parametrize("job", jobs(build_definitions()), ids=lambda job: job.name)
def test_every_field_of_a_config_is_described(job: dg.JobDefinition) -> None:
    assert job.description
    for name, field in flat_config(job).items():
        assert field.description, name


def test_the_launchpad_offers_every_option() -> None:
    defaults = Options()
    for name, value in defaults.as_dict().items():
        assert name in config.OPTIONS, f"the option {name} cannot be given in the Launchpad"
        assert config.OPTIONS[name].default_value == value, name
    assert set(config.OPTIONS) == set(defaults.as_dict())


def test_resources_can_be_replaced() -> None:
    other = Imports(database_url="postgresql://elsewhere/db", home="/elsewhere")
    definitions = build_definitions({"imports": other})
    assert definitions.get_repository_def().get_top_level_resources()["imports"] is not None
    assert definitions.resources is not None
    assert definitions.resources["imports"] is other


def test_assets_say_what_they_are() -> None:
    for asset in build_definitions().assets or ():
        for spec in asset.specs if isinstance(asset, dg.AssetsDefinition) else [asset]:
            assert isinstance(spec, dg.AssetSpec)
            assert spec.description
            assert spec.group_name in ("contacts", "groups")


@pytest.mark.parametrize("name", sorted(job_names()))
def test_the_job_that_a_command_builds_is_that_of_all_definitions(name: str) -> None:
    resources = {"imports": Imports(database_url="postgresql://nowhere/x", home="/nowhere")}
    one, of_all = build_job(name, resources), build_definitions(resources).resolve_job_def(name)
    assert one.get_job_snapshot_id() == of_all.get_job_snapshot_id()
