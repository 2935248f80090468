"""Reports failed imports to a webhook, in the JSON format that Slack, Mattermost and Rocket.Chat accept."""

# Dagster reads the annotations of sensors as they are, so this module does not postpone their evaluation.
import time
from collections.abc import Sequence
from typing import Any, Final

import dagster as dg

from imports_pipeline.defs.resources import Imports
from imports_pipeline.defs.runs import tags
from imports_pipeline.model.imports import Import
from imports_pipeline.registry.import_records import NoSuchImport
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.decisions.refusable import is_refused

_SECONDS: Final = 10
_PAUSES: Final = (1.0, 5.0)


def build_alert_sensor(jobs: Sequence[Any]) -> dg.SensorDefinition:
    """Return the sensor for these jobs. Without ``IMPORTS_WEBHOOK_URL`` it sends nothing."""

    @dg.run_failure_sensor(
        name="alerts",
        monitored_jobs=list(jobs),
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reports every failed run that is not retried to the webhook of `IMPORTS_WEBHOOK_URL`, but not the"
        " runs of commands and of the HTTP API, whose callers have the answer.",
    )
    def alerts(context: dg.RunFailureSensorContext, imports: Imports) -> None:
        workflow = imports.workflow()
        run = context.dagster_run
        if not workflow.settings.webhook_url or tags.IN_PROCESS in run.tags:
            return
        if tags.will_retry(context.instance, run.run_id):
            return
        import_ = None
        if tags.IMPORT_ID in run.tags:
            try:
                import_ = workflow.get(run.tags[tags.IMPORT_ID])
            except NoSuchImport as error:
                context.log.info(str(error))
        send(workflow.settings, message(workflow.settings, run.job_name, run.run_id, import_))

    return alerts


def message(settings: Settings, job_name: str, run_id: str, import_: Import | None) -> dict[str, str]:
    """Return a message that says what failed and why, with a link to the run. It contains no data of the file."""
    link = f"<{settings.dagster_url}/runs/{run_id}|run {run_id[:8]}>"
    if import_ is None:
        return {"text": f":x: {job_name} failed before it had an import; see the {link}."}
    what = f"{import_.options.action} of {import_.resource}s for {import_.organization_id}"
    name = f" “{_plain(import_.name)}”" if import_.name else ""
    reason = _plain(import_.reason or "The run failed.")
    text = f":x: Import {import_.id}{name} ({what}) {import_.status}: {reason}{_decision(settings, import_)}"
    return {"text": f"{text} See the {link}."}


def _decision(settings: Settings, import_: Import) -> str:
    """Return what to do about an import that waits for an approval: a page, or the command."""
    if not is_refused(import_):
        return ""
    if settings.pages_url:
        return f" Look at its plan and decide on <{settings.pages_url}/imports/{import_.id}|its page>."
    checksum = f" --plan-checksum {import_.plan_checksum}" if import_.plan_checksum else ""
    return (
        f" Look at its plan, and run `imports-pipeline approve {import_.id}{checksum}` or `imports-pipeline reject"
        f" {import_.id} --reason …`."
    )


def _plain(text: str) -> str:
    """Return the text with the characters escaped that Slack uses for links and mentions."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def send(settings: Settings, body: dict[str, str]) -> None:
    """Post a message. Raises ``RuntimeError`` if the webhook does not accept it; the error does not contain the URL."""
    # Imported here because requests takes 50 ms to load, and every command would wait for it.
    import requests

    trouble = ""
    for pause in (*_PAUSES, None):
        try:
            answer = requests.post(settings.webhook_url, json=body, timeout=_SECONDS)
        except requests.RequestException as error:
            trouble = type(error).__name__
        else:
            if answer.ok:
                return
            trouble = f"status {answer.status_code}"
            if answer.status_code < 500 and answer.status_code != 429:
                break
        if pause is not None:
            time.sleep(pause)
    raise RuntimeError(f"The webhook of IMPORTS_WEBHOOK_URL did not accept the message ({trouble}).")
