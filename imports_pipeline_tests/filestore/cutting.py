"""A line to the object server: a TCP proxy that cuts connections in the midst, or carries nothing while it is held."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Line:
    """The proxy; the next ``cuts`` connections that carry ``after`` bytes in one direction break there.

    While ``flows`` is cleared, connections stay open and nothing passes, as with a server that hangs.
    """

    port: int
    target: tuple[str, int]
    after: int = 1 << 20
    cuts: int = 0
    broken: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    flows: threading.Event = field(default_factory=threading.Event)
    #: No connection is made any more, and those that are there end.
    is_dead: bool = False
    ends: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.flows.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def die(self) -> None:
        """End all connections and refuse others."""
        self.is_dead = True
        for end in self.ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve(self, near: socket.socket) -> None:
        if self.is_dead:
            near.close()
            return
        try:
            far = socket.create_connection(self.target)
        except OSError:
            near.close()
            return
        self.ends += [near, far]
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        carried = 0
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self.flows.wait()
                carried += len(data)
                if carried > self.after and self._cuts():
                    break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _cuts(self) -> bool:
        with self.lock:
            if self.cuts == 0:
                return False
            self.cuts -= 1
            self.broken += 1
            return True


@contextmanager
def line(endpoint: str) -> Iterator[Line]:
    """Yield a line to the server for the block."""
    parts = urlsplit(endpoint)
    assert parts.hostname is not None
    assert parts.port is not None
    with socket.create_server(("127.0.0.1", 0)) as listener:
        given = Line(listener.getsockname()[1], (parts.hostname, parts.port))

        def accept() -> None:
            with suppress(OSError):
                while True:
                    given.serve(listener.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield given
        given.flows.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)
