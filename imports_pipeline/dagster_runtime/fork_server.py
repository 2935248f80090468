"""The process from which runs are forked. It has loaded the third-party modules of a run, and none of our own.

A new Python process loads Dagster, pandas and other modules for two to three seconds before it executes its run. The
fork server loads them once (``python -m imports_pipeline.dagster_runtime.fork_server FD``, started by
``fork_client.py``). Every run is a fork that then does the same as ``python -m dagster api execute_run``. Each run
loads our own modules and the definitions, which takes a quarter of a second, so that edited code and reloaded code
locations take effect.

The only input is one end of a socket, over which each message is a line of JSON. The daemon sends the ``command`` of a
``run`` and, when the run has the tag of its process, ``go``. The fork server sends the ``pid`` of the ``run``, or an
``error``, and later its exit ``status``. If the daemon dies the runs continue, and the fork server ends after the last
of them.

The fork server has one Python thread and opens no database connection. In the child, the loop returns, so that the
child keeps none of the fork server's stack frames, signal handlers or files.
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

# The slowest modules according to ``python -X importtime``, and modules that these import later.
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
    "python_calamine",
    "defusedxml.ElementTree",
    "itsdangerous",
    "concurrent.futures.process",
)
_RECEIVED: Final = 65536


@dataclass
class _ForkServer:
    """The running runs, the socket of the daemon, and the pipe that SIGCHLD writes to."""

    channel: socket.socket
    #: the read end of the signal wakeup pipe; it becomes readable when a child ends
    woken: int
    #: the write end of that pipe
    wake: int
    #: process id → run id
    runs: dict[int, str] = field(default_factory=dict)
    #: run id → the write end of the pipe that the run reads; closing it lets the run begin
    gates: dict[str, int] = field(default_factory=dict)

    def serve(self) -> list[str] | None:
        """Fork the runs that the daemon requests. Return the command in a child, and None when the fork server ends."""
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
                # The other threads are those of OpenBLAS and jemalloc, which both support fork.
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
        """Close the fork server's files, reset its signals, and wait until the gate opens or the fork server ends."""
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
            # The daemon has died. The run monitoring of the next daemon checks the processes.
            return


def main() -> None:
    """Load the modules, then serve until the daemon and all runs have ended."""
    # Ctrl-C reaches all processes of a terminal. It ends the daemon, and this process ends after the daemon.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    channel = socket.socket(fileno=int(sys.argv[1]))
    # The garbage collector would visit all loaded objects repeatedly, and writing its marks would copy every memory
    # page in each forked run.
    gc.disable()
    for name in _PRELOADED:
        # A module that a newer version no longer has only costs start-up time. A run that needs it reports the error.
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
    """Execute the command in this process. If the code location has another Python, replace the process with it."""
    at = command.index("api")
    if command[:at] not in (["dagster"], [sys.executable, "-m", "dagster"]):
        os.execvp(command[0], command)
    sys.argv = ["dagster", *command[at:]]
    runpy.run_module("dagster", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
