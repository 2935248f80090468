"""The daemon's end of the fork server (``fork_server.py``): starts it, asks it for runs, hears how they end."""

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

# The first run waits until the fork server has loaded what it loads; on a machine that swaps, that takes a while.
_ANSWER_SECONDS: Final = 120


class ForkServerError(RuntimeError):
    """The fork server gave no process."""


class ForkServer:
    """A fork_server of this process; ``ended`` is called, by a thread, with each run that ended and its exit code."""

    def __init__(self, ended: Callable[[str, int], None]) -> None:
        """Start it; it loads while the caller goes on."""
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

    def lives(self) -> bool:
        """Return whether it can still be asked."""
        return not self._gone.is_set()

    def fork(self, run_id: str, command: Sequence[str]) -> int:
        """Return the process of a run, which does nothing before ``release``.

        Raises:
            ForkServerError: there is none, and the reason.
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
        """Let a run begin."""
        self._send({"run": run_id, "go": True})

    def close(self) -> None:
        """Ask it for nothing more; it ends after its last run, and nobody hears of that."""
        try:
            self._channel.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has ended before

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
            return  # it was killed
        finally:
            self._gone.set()
            with self._lock:
                left, self._answers = self._answers, {}
            for answer in left.values():
                answer.set_exception(
                    ForkServerError("The fork server has ended; the daemon's output says why.")
                )
            self._process.wait()  # as its parent must

    def _take(self, message: dict[str, Any]) -> None:
        run_id = message["run"]
        if "status" in message:
            self._ended(run_id, message["status"])
            return
        with self._lock:
            answer = self._answers.pop(run_id, None)
        if answer is None:
            if "pid" in message:
                # It was given up while it was made: it waits for its tag, which it will not get.
                with suppress(ProcessLookupError):
                    os.kill(message["pid"], signal.SIGKILL)
            return
        if "pid" in message:
            answer.set_result(message["pid"])
        else:
            answer.set_exception(ForkServerError(f"No process could be made: {message['error']}."))
