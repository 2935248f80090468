"""Every command, module, variable, page and file that the manifests name is one that the package has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest
import yaml
from typer.main import get_command

from imports_pipeline.cli.app import app
from imports_pipeline.dagster_runtime.dagster_environment import dagster_home, project_root
from imports_pipeline.settings import Settings

DEPLOY = project_root() / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
VALUES = yaml.safe_load((DEPLOY / "kubernetes" / "values.yaml").read_text())
OURS = {
    document["kind"] + ": " + document["metadata"]["name"]: document
    for document in yaml.safe_load_all((DEPLOY / "kubernetes" / "imports.yaml").read_text())
}
#: Read by libraries and not by us.
_OTHERS = {
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "DAGSTER_PG_PASSWORD",
}
_OTHERS |= {"DAGSTER_RUN_STATUS_SENSOR_PROCESS_LIMIT"}


def commands() -> Iterator[Any]:
    """Yield the arguments of every container of ours."""
    for name, service in COMPOSE["services"].items():
        if service.get("image") == "imports-pipeline":
            yield pytest.param(service["command"], id=f"compose {name}")
            test = service.get("healthcheck", {}).get("test", [])
            if "imports-pipeline" in test:
                yield pytest.param(test[test.index("imports-pipeline") + 1 :], id=f"compose {name} health")
    for name, document in OURS.items():
        for container in document["spec"].get("template", {}).get("spec", {}).get("containers", []):
            yield pytest.param(container["args"], id=name)


@pytest.mark.parametrize("arguments", list(commands()))
def test_every_command_is_one_of_ours_and_takes_these_arguments(arguments: list[str]) -> None:
    command = get_command(app)
    context = command.make_context("imports-pipeline", list(arguments), resilient_parsing=False)
    found = command.get_command(context, arguments[0])  # type: ignore[attr-defined]
    assert found is not None, f"there is no command {arguments[0]}"
    found.make_context(arguments[0], list(arguments[1:]), parent=context)
    if arguments[0] == "exec":
        assert arguments[1] in ("dagster-webserver", "dagster-daemon")


def variables() -> set[str]:
    found = set(COMPOSE["x-imports"]["environment"])
    (location,) = VALUES["dagster-user-deployments"]["deployments"]
    found |= set(location["env"]) | set(VALUES["dagsterDaemon"]["env"])
    (container,) = OURS["Deployment: imports-api"]["spec"]["template"]["spec"]["containers"]
    return found | {one["name"] for one in container["env"]}


@pytest.mark.parametrize("name", sorted(variables() - _OTHERS))
def test_every_variable_is_read_somewhere(name: str) -> None:
    files = [*(project_root() / "imports_pipeline").rglob("*.py"), DEPLOY / "celery" / "dagster.yaml"]
    assert any(name in file.read_text() for file in files)


def test_the_code_location_is_the_module_of_the_workspace_by_its_name() -> None:
    workspace = yaml.safe_load((project_root() / "workspace.yaml").read_text())
    ours = workspace["load_from"][0]["python_module"]
    (location,) = VALUES["dagster-user-deployments"]["deployments"]
    (server,) = VALUES["dagsterWebserver"]["workspace"]["servers"]
    assert location["dagsterApiGrpcArgs"] == ["-m", ours["module_name"]]
    assert (server["name"], server["host"], server["port"]) == (
        ours["location_name"],
        location["name"],
        location["port"],
    )


def test_the_chart_is_told_what_the_projects_dagster_yaml_says() -> None:
    ours = yaml.safe_load((dagster_home() / "dagster.yaml").read_text())
    daemon = VALUES["dagsterDaemon"]
    queue = daemon["runCoordinator"]["config"]["queuedRunCoordinator"]
    limits = {one["key"]: one["limit"] for one in queue["tagConcurrencyLimits"]}
    assert [one["key"] for one in ours["concurrency"]["runs"]["tag_concurrency_limits"]] == list(limits)
    assert (
        limits[".dagster/imports_write_lock"]
        == 1
        < limits[".dagster/imports_organization"]
        < queue["maxConcurrentRuns"]
    )
    assert queue["dequeueIntervalSeconds"] == ours["run_coordinator"]["config"]["dequeue_interval_seconds"]
    assert VALUES["additionalInstanceConfig"]["concurrency"]["pools"] == ours["concurrency"]["pools"]
    assert daemon["runMonitoring"]["pollIntervalSeconds"] == ours["run_monitoring"]["poll_interval_seconds"]
    assert _snake(daemon["runRetries"]) == ours["run_retries"]
    assert _snake(daemon["sensors"]) == ours["sensors"]
    assert VALUES["computeLogManager"]["type"] == "NoOpComputeLogManager"


def test_the_pods_of_large_imports_are_larger_and_read_by_as_many_processes_as_they_have_cores() -> None:
    (location,) = VALUES["dagster-user-deployments"]["deployments"]
    settings = Settings.read(location["env"])
    assert settings.large_bytes > Settings.part_bytes, "a smaller file is read in one piece"
    (tag,) = settings.large_run_tags
    assert tag == "dagster-k8s/config"
    container = json.loads(settings.large_run_tags[tag])["container_config"]
    others = VALUES["runLauncher"]["config"]["k8sRunLauncher"]["resources"]
    assert container["resources"].keys() == others.keys()
    assert container["env"] == [
        {"name": "IMPORTS_WORKERS", "value": container["resources"]["requests"]["cpu"]}
    ]


def test_pods_share_secrets_users_and_the_folder_of_dagster_yaml() -> None:
    (location,) = VALUES["dagster-user-deployments"]["deployments"]
    launcher = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
    assert location["envSecrets"] == launcher["envSecrets"] == [{"name": "imports"}]
    pods = [
        document["spec"]["template"]["spec"] for document in OURS.values() if document["kind"] != "Service"
    ]
    for pod in pods:
        assert pod["securityContext"] == {"runAsNonRoot": True, "runAsUser": 10001}
        for container in pod["containers"]:
            assert container["envFrom"] == [{"secretRef": {"name": "imports"}}]
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
    (container,) = OURS["Deployment: imports-api"]["spec"]["template"]["spec"]["containers"]
    assert {mount["mountPath"] for mount in container["volumeMounts"]} >= {VALUES["global"]["dagsterHome"]}
    assert _images() == {"registry.example.com/imports-pipeline:0.2.0"}


def test_probes_ask_pages_that_there_are() -> None:
    from imports_pipeline.api.routes.health import router

    pages = {route.path for route in router.routes}  # type: ignore[attr-defined]
    (container,) = OURS["Deployment: imports-api"]["spec"]["template"]["spec"]["containers"]
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        assert container[probe]["httpGet"]["path"] in pages
    assert "/readyz" in pages
    assert "/readyz" in COMPOSE["services"]["api"]["healthcheck"]["test"][-1]


def test_compose_publishes_on_this_machine_alone_and_holds_no_secret() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    for service in COMPOSE["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    example = dict(
        line.split("=", 1)
        for line in (DEPLOY / "example.env").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert set(re.findall(r"\$\{(\w+)", text)) == set(example)
    assert not any(example[name] for name in re.findall(r"\$\{(\w+):\?\}", text)), (
        "secrets are set by no file"
    )


def test_the_image_copies_files_that_there_are_and_its_last_stage_runs_as_nobody() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    _, build, last = text.split("\nFROM ")
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.M):
        for name in line.split()[:-1]:
            assert (project_root() / name).exists(), name
    assert "USER 10001" in last
    assert not re.search(r"gcc|build-essential|pip install|apt-get", last)
    assert "deploy/install.sh" in build
    assert "--only-binary :all:" in (DEPLOY / "install.sh").read_text()
    assert find_spec("imports_pipeline.dagster_runtime.celery_worker") is not None


def _images() -> set[str]:
    image = VALUES["dagsterWebserver"]["image"]
    found = {f"{image['repository']}:{image['tag']}"}
    for document in OURS.values():
        for container in document["spec"].get("template", {}).get("spec", {}).get("containers", []):
            found.add(container["image"])
    return found


def _snake(given: dict[str, Any]) -> dict[str, Any]:
    return {re.sub(r"([A-Z])", lambda m: f"_{m[1].lower()}", name): value for name, value in given.items()}
