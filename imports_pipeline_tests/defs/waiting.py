"""Definitions whose runs wait to be let go; the daemon of ``daemons.py`` loads them, with the folder to look in.

A file ``asked/NAME`` asks for a run, which writes what it is into ``told/NAME-ATTEMPT`` and waits for ``go/NAME``.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import dagster as dg

FOLDER = Path(os.environ.get("WAITING", "."))


@dg.op
def waiting(context: dg.OpExecutionContext) -> None:
    name = context.run.tags["name"]
    told = {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "cwd": os.getcwd(),
        "arguments": sys.argv[:3],
        "environment": os.environ.get("OF_THE_DAEMON"),
        "threads": threading.active_count(),
        "children_signal": signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL,
        "parts": [
            name
            for name in sys.modules
            if name.startswith(("imports_pipeline.defs.", "imports_pipeline.dagster_runtime."))
        ],
    }
    attempt = context.run.tags.get("dagster/retry_number", "0")
    path = FOLDER / "told" / f"{name}-{attempt}"
    path.with_name(f".{path.name}").write_text(json.dumps(told))
    path.with_name(f".{path.name}").rename(path)
    while not (FOLDER / "go" / name).exists():
        time.sleep(0.05)
    if name == "exits":
        os._exit(3)


@dg.job(executor_def=dg.in_process_executor)
def waits() -> None:
    waiting()


@dg.sensor(job=waits, minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING)
def asked(context: dg.SensorEvaluationContext):
    for path in sorted((FOLDER / "asked").iterdir()):
        yield dg.RunRequest(run_key=path.name, tags={"name": path.name})


defs = dg.Definitions(jobs=[waits], sensors=[asked])
