"""The process that runs are forked from: it has loaded what a run needs of others, and nothing of ours.

A new Python loads Dagster, pandas and their like for two to three seconds before it looks at its run. Here that is
done once (``python -m imports_pipeline.dagster_runtime.fork_server FD``, by ``forking.py``), and every run is a fork
that then does what ``python -m dagster api execute_run`` does. Our own modules and the definitions are loaded by
each run, a quarter of a second: so a project that was edited, or a code location that was reloaded, is never stale
here.

It asks for nothing but its end of a socket, over which each message is a line of JSON. From the daemon: ``command``
of ``run``, and, when the run has its tag, ``go``. To the daemon: the ``pid`` of ``run`` or why it has none
(``error``), and later the ``status`` it ended with. When the daemon is gone the runs go on, and the fork server ends
after the last of them.

It has one thread of Python, opens no connection and never returns to what it was before the fork: the loop ends in
the child, which so has none of the fork server's frames, signals or files.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

# What took the time according to ``python -X importtime``, with what these load late by themselves.
_PRELOADED: Final = (
    "dagster",
    "dagster._cli",
    "dagster_postgres",
    "numpy",
    "pandas",
    "pandera.backends.pandas.register",
    "pandera.pandas",
    "pandera.strategies.pandas_strategies",
    "pyarrow",
    "pyarrow.compute",
    "pyarrow.csv",
    "pyarrow.dataset",
    "pyarrow.pandas_compat",
    "pyarrow.parquet",
    "psutil",
    "psycopg",
    "psycopg2.extras",
    "psycopg_pool",
    "sqlalchemy.dialects.postgresql.psycopg2",
    "upath",
    "s3fs",
    "phonenumbers",
    "email_validator",
    "charset_normalizer",
    "python_calamine",
    "defusedxml.ElementTree",
    "itsdangerous",
    "concurrent.futures.process",
)
_RECEIVED: Final = 65536


@dataclass
class _ForkServer:
    """What lives of the runs, and the two ends it listens to."""

    channel: socket.socket
    #: told by the kernel, through Python, that a child has ended
    woken: int
    wake: int
    runs: dict[int, str] = field(default_factory=dict)
    #: what a run waits on until it has its tag
    gates: dict[str, int] = field(default_factory=dict)

    def serve(self) -> list[str] | None:
        """Fork what the daemon asks for; in a child give its command, in the fork server, at its end, nothing."""
        unread, connected = b"", True
        while connected or self.runs:
            channel = [self.channel.fileno()] if connected else []
            ready, _, _ = select.select([self.woken, *channel], [], [])
            if self.woken in ready:
                os.read(self.woken, _RECEIVED)
                self._reap()
            if ready != [self.woken]:
                received = self._receive()
                connected = bool(received)
                *lines, unread = (unread + received).split(b"\n")
                for line in lines:
                    command = self._answer(json.loads(line))
                    if command is not None:
                        return command
                if not connected:
                    self._open(*self.gates)
        return None

    def _answer(self, message: dict[str, Any]) -> list[str] | None:
        run_id = message["run"]
        if message.get("go"):
            self._open(run_id)
            return None
        gate, self.gates[run_id] = os.pipe()
        try:
            with warnings.catch_warnings():
                # Those of OpenBLAS and jemalloc, which both know of forks.
                warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
                pid = os.fork()
        except OSError as error:
            self._open(run_id)
            self._send({"run": run_id, "error": str(error)})
        else:
            if pid == 0:
                self._become_a_run(gate)
                return list(message["command"])
            self.runs[pid] = run_id
            self._send({"run": run_id, "pid": pid})
        os.close(gate)
        return None

    def _become_a_run(self, gate: int) -> None:
        """Let go of all that is the fork server's, and wait for the tag; a daemon that died is waited for no longer."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (self.woken, self.wake, *self.gates.values()):
            os.close(descriptor)
        self.channel.close()
        os.read(gate, 1)
        os.close(gate)

    def _open(self, *run_ids: str) -> None:
        for run_id in run_ids:
            if (gate := self.gates.pop(run_id, None)) is not None:
                os.close(gate)

    def _reap(self) -> None:
        while self.runs:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            run_id = self.runs.pop(pid)
            self._open(run_id)
            self._send({"run": run_id, "status": os.waitstatus_to_exitcode(status)})

    def _receive(self) -> bytes:
        try:
            return self.channel.recv(_RECEIVED)
        except ConnectionError:
            return b""

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self.channel.sendall(json.dumps(message).encode() + b"\n")
        except ConnectionError:
            # The daemon has died; run monitoring of the next one looks at the processes itself.
            return


def main() -> None:
    """Load, then fork until the daemon and all runs have gone."""
    # Ctrl-C reaches the whole terminal: the daemon ends of it, and this process of that.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    channel = socket.socket(fileno=int(sys.argv[1]))
    # The collector would walk all that is loaded again and again, and its marks would copy every page in each run.
    gc.disable()
    for name in _PRELOADED:
        # One that another version no longer has costs time; whether it is missing, a run will tell.
        with suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    command = _ForkServer(channel, woken, wake).serve()
    if command is not None:
        gc.enable()
        _execute(command)


def _execute(command: list[str]) -> None:
    """Do what the command does, here; that of a code location with a Python of its own is executed."""
    at = command.index("api")
    if command[:at] not in (["dagster"], [sys.executable, "-m", "dagster"]):
        os.execvp(command[0], command)
    sys.argv = ["dagster", *command[at:]]
    runpy.run_module("dagster", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
