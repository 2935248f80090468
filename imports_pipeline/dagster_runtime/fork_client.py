"""The daemon's client of the fork server (``fork_server.py``): starts it, requests forks and reads how runs end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final

# Seconds to wait for an answer. The first run waits until the fork server has loaded its modules, which takes long on a
# machine that swaps.
_ANSWER_SECONDS: Final = 120


class ForkServerError(RuntimeError):
    """The fork server did not return a process."""


class ForkServer:
    """A running fork server. A thread calls ``ended`` with the id and the exit code of each run that ends."""

    def __init__(self, ended: Callable[[str, int], None]) -> None:
        """Start the fork server without waiting until it has loaded its modules."""
        self._ended = ended
        self._lock = threading.Lock()
        self._answers: dict[str, Future[int]] = {}
        self._gone = threading.Event()
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "imports_pipeline.dagster_runtime.fork_server", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        threading.Thread(target=self._read, name="ends of runs", daemon=True).start()

    def is_running(self) -> bool:
        """Return True if the fork server is running."""
        return not self._gone.is_set()

    def fork(self, run_id: str, command: Sequence[str]) -> int:
        """Fork a process for a run and return its process id. The process waits until ``release`` is called.

        Raises:
            ForkServerError: no process could be forked; the message says why.
        """
        answer: Future[int] = Future()
        with self._lock:
            self._answers[run_id] = answer
        self._send({"run": run_id, "command": list(command)})
        try:
            return answer.result(_ANSWER_SECONDS)
        except TimeoutError:
            with self._lock:
                self._answers.pop(run_id, None)
            raise ForkServerError(f"The fork server did not answer within {_ANSWER_SECONDS} s.") from None

    def release(self, run_id: str) -> None:
        """Let the process of a run begin."""
        self._send({"run": run_id, "go": True})

    def close(self) -> None:
        """Close the connection. The fork server ends after its last run, whose end is no longer reported."""
        try:
            self._channel.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # The fork server has ended before.

    def _send(self, message: dict[str, Any]) -> None:
        try:
            with self._lock:
                self._channel.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise ForkServerError(f"The fork server has ended: {error}.") from error

    def _read(self) -> None:
        try:
            with self._channel, self._channel.makefile("r", encoding="utf-8") as lines:
                for line in lines:
                    self._take(json.loads(line))
        except ConnectionError:
            return  # The fork server was killed.
        finally:
            self._gone.set()
            with self._lock:
                left, self._answers = self._answers, {}
            for answer in left.values():
                answer.set_exception(
                    ForkServerError("The fork server has ended; the daemon's output says why.")
                )
            self._process.wait()  # The parent must reap the process.

    def _take(self, message: dict[str, Any]) -> None:
        run_id = message["run"]
        if "status" in message:
            self._ended(run_id, message["status"])
            return
        with self._lock:
            answer = self._answers.pop(run_id, None)
        if answer is None:
            if "pid" in message:
                # The request had timed out before the answer came. The process waits for a release that never comes.
                with suppress(ProcessLookupError):
                    os.kill(message["pid"], signal.SIGKILL)
            return
        if "pid" in message:
            answer.set_result(message["pid"])
        else:
            answer.set_exception(ForkServerError(f"No process could be forked: {message['error']}."))
