"""What can be set in `defs.yaml`, and what comes of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import dagster as dg
import pytest
import yaml
from dagster.components.component_scaffolding import scaffold_object

import imports_pipeline
from imports_pipeline.components.attributes import SyncAttributes
from imports_pipeline.components.scaffolding import imports_yaml, sync_yaml
from imports_pipeline.database.server_url import ServerError
from imports_pipeline.model.options import declarations
from imports_pipeline.sources.syncs import FIELDS
from imports_pipeline_tests.components.test_project import EXAMPLE

SYNC = {
    "name": "nightly",
    "resource": "contact",
    "source": "/srv/a.csv",
    "cron": "5 2 * * *",
    "action": "merge",
}
FOLDER = {"organization": "acme", "resource": "contact", "expected_every": "1d"}


def built(component: Any, attributes: Mapping[str, Any]) -> dg.Definitions:
    definitions: dg.Definitions = component.from_attributes_dict(attributes=dict(attributes)).build_defs(
        dg.ComponentTree.for_test().load_context
    )
    return definitions


def resource_of(definitions: dg.Definitions) -> Any:
    assert definitions.resources is not None
    return definitions.resources["imports"]


@pytest.mark.parametrize("name", ["Imports", "Sync"])
def test_every_attribute_is_described(name: str) -> None:
    """One schema that cannot be derived would break `dg list components` for all packages of the project."""
    component = getattr(imports_pipeline, name)
    assert name in dir(imports_pipeline)
    model = component.get_model_cls()
    assert all(field.description for field in model.model_fields.values())
    assert component.get_description()


def test_a_sync_has_the_keys_of_syncs_yaml() -> None:
    assert set(SyncAttributes.model_fields) == {*FIELDS, *declarations()}
    model = SyncAttributes.model()
    for option in declarations().values():
        assert model.model_fields[option.name].description == option.description


def test_scaffolded_files_are_valid(tmp_path: Path) -> None:
    imports = yaml.safe_load(imports_yaml())
    assert built(imports_pipeline.Imports, imports["attributes"]).schedules
    # The lines that are commented out are valid too.
    lines = [line.replace("  # ", "  ", 1) for line in imports_yaml().splitlines() if _is_setting(line)]
    everything = yaml.safe_load("\n".join(lines))
    names = {one.name for one in built(imports_pipeline.Imports, everything["attributes"]).schedules or ()}
    assert names == {"housekeeping", "sync_crm_contacts"}
    (schedule,) = (
        built(imports_pipeline.Sync, yaml.safe_load(sync_yaml("hr_people"))["attributes"]).schedules or ()
    )
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert (schedule.name, schedule.cron_schedule, schedule.execution_timezone) == (
        "sync_hr_people",
        "30 2 * * *",
        "Europe/Berlin",
    )
    of_example = EXAMPLE / "my_imports" / "defs" / "nightly_contacts" / "defs.yaml"
    assert of_example.read_text() == sync_yaml("nightly_contacts")


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("ab", "a name has 3 to 100 letters"),
        ("problems", "a name has 3 to 100 letters, digits and `_`, and is not `problems`"),
        ("x" * 101, "a name has 3 to 100 letters"),
        ("2026", "Dagster reads it as a value of Python"),
        ("None", "Dagster reads it as a value of Python"),
    ],
)
def test_scaffolding_refuses_a_name_that_no_sync_can_have(folder: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match=f"'{folder}' cannot be the name of a sync: {reason}"):
        scaffold_object(tmp_path / folder, "imports_pipeline.Sync", None, "yaml", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("folder", "name"), [("a-b", "a_b"), ("007", "007"), ("yes", "yes")])
def test_a_scaffolded_name_is_a_text(folder: str, name: str, tmp_path: Path) -> None:
    scaffold_object(tmp_path / folder, "imports_pipeline.Sync", None, "yaml", tmp_path)
    written = yaml.safe_load((tmp_path / folder / "defs.yaml").read_text())
    (schedule,) = built(imports_pipeline.Sync, written["attributes"]).schedules or ()
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert schedule.name == f"sync_{name}"


def _is_setting(line: str) -> bool:
    text = line.replace("#", "", 1).strip()
    return bool(text) and text.partition(":")[0].removeprefix("- ").isidentifier() and text.count(":") > 0


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"cron": "99 2 * * *"}, "sync nightly: cron: '99 2"),
        ({"timeout": 0}, "sync nightly: timeout"),
        ({"match_on": ["shoe size"]}, "match_on: .*shoe size"),
        ({"name": "a b"}, "name: takes 3 to 100 letters"),
    ],
)
def test_a_wrong_sync_is_refused_with_its_reason(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        built(imports_pipeline.Sync, {**SYNC, **wrong})
    with pytest.raises(ValueError, match=reason):
        built(imports_pipeline.Imports, {"syncs": [{**SYNC, **wrong}]})


def test_two_syncs_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="entry 2 has the name of an earlier entry"):
        built(imports_pipeline.Imports, {"syncs": [SYNC, SYNC]})


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"limits": {"rows": -5}}, "limits.rows: IMPORTS_ROWS must be a whole number, not '-5'."),
        (
            {"limits": {"history_days": -1}},
            "limits.history_days: IMPORTS_HISTORY_DAYS must be a whole number",
        ),
        ({"uploads": {"a_tick": -1}}, "uploads.a_tick: IMPORTS_UPLOADS_A_TICK must be a whole number"),
        ({"store": "gs://bucket"}, "store: STORE_URL must be s3://bucket/prefix or the path of a folder"),
        ({"store": "s3://key:secret@bucket"}, "store: STORE_URL may have a bucket and a prefix only"),
        (
            {"uploads": {"enabled": False, "expected": [FOLDER]}},
            "uploads.enabled is false: no dropped file is imported, so nothing arrives in the folders of"
            " `uploads.expected`; remove them, or enable it.",
        ),
    ],
)
def test_a_wrong_attribute_is_refused_with_its_name(attributes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as refused:
        built(imports_pipeline.Imports, attributes)
    assert "secret" not in str(refused.value)


def test_a_wrong_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPORTS_ROWS", "many")
    with pytest.raises(ValueError, match="IMPORTS_ROWS must be a whole number, not 'many'"):
        built(imports_pipeline.Imports, {})
    assert built(imports_pipeline.Imports, {"limits": {"rows": 5}}), "an attribute replaces the variable"


def test_what_the_file_of_syncs_repeats_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "syncs.yaml"
    file.write_text(yaml.safe_dump({"syncs": [{**SYNC, "name": "Nightly"}], "uploads": [FOLDER]}))
    attributes = {"syncs": [SYNC], "syncs_file": str(file), "uploads": {"expected": [FOLDER]}}
    with pytest.raises(ValueError, match="have this folder") as refused:
        built(imports_pipeline.Imports, attributes)
    assert str(refused.value) == (
        f"sync Nightly: `syncs` and {file} have this name; use it in one of them."
        f" uploads acme/contact: `uploads.expected` and {file} have this folder; name it in one of them."
    )
    with pytest.raises(ValueError, match=f"nothing arrives in the folders of `uploads` of {file}"):
        built(imports_pipeline.Imports, {"syncs_file": str(file), "uploads": {"enabled": False}})
    assert built(imports_pipeline.Imports, {"syncs_file": str(file)}).sensors


def test_attributes_become_settings(
    monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> None:
    monkeypatch.setenv("CRM_DATABASE", database_url)
    monkeypatch.setenv("SLACK", "https://hooks.example.com/secret")
    attributes = {
        "database_variable": "CRM_DATABASE",
        "alert_variable": "SLACK",
        "home": str(tmp_path / "home"),
        "store": str(tmp_path / "store"),
        "dagster_url": "https://dagster.example.com",
        "limits": {"sync_rows": 5, "files_days": 7},
        "uploads": {"after": "leave", "a_tick": 3},
    }
    definitions = built(imports_pipeline.Imports, attributes)
    resource = resource_of(definitions)
    assert "secret" not in repr(resource)
    assert database_url not in repr(resource)
    workflow = resource.workflow()
    assert workflow.database.url == database_url
    read = workflow.settings
    assert (read.sync_rows, read.files_days, read.uploads_after, read.uploads_a_tick) == (5, 7, "leave", 3)
    assert (read.home, read.store_url) == (tmp_path / "home", str(tmp_path / "store"))
    assert read.webhook_url.endswith("secret")
    assert read.dagster_url == "https://dagster.example.com"

    monkeypatch.delenv("CRM_DATABASE")
    with pytest.raises(ServerError, match="CRM_DATABASE is not set"):
        resource.workflow()


def test_the_executor_and_loggers_of_the_project_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    definitions = built(imports_pipeline.Imports, {"uploads": {"enabled": False}})
    assert (definitions.executor, definitions.loggers) == (None, None)
    assert "uploads" not in {sensor.name for sensor in definitions.sensors or ()}
