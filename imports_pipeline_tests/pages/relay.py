"""What stands between processes: a relay that a test can cut off, and a proxy that serves the pages below a path."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Relay:
    """Passes connections on to a server, unless it is cut off."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname, parts.port)
        self._open: set[asyncio.StreamWriter] = set()
        self._is_cut = False
        self.url = ""

    async def serve(self, ready: threading.Event) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        async with server:
            await self._end.wait()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.close()
            return
        there, back = await asyncio.open_connection(*self._target)
        self._open |= {writer, back}
        await asyncio.gather(_copy(reader, back), _copy(there, writer))
        self._open -= {writer, back}

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Answer nobody for the block."""

        def cut() -> None:
            self._is_cut = True
            for writer in self._open:
                writer.close()

        self._loop.call_soon_threadsafe(cut)
        try:
            yield
        finally:
            self._is_cut = False

    @contextmanager
    def running(self) -> Iterator[Relay]:
        ready = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self.serve(ready)), daemon=True)
        thread.start()
        assert ready.wait(30)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._end.set)
            thread.join(30)


class PrefixProxy(Relay):
    """Serves the pages below ``PREFIX`` as a proxy does that removes the prefix: one request a connection."""

    PREFIX = "/app"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            writer.close()
            return
        method, path, rest = head.split(" ", 2)
        if not path.startswith(f"{self.PREFIX}/"):
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            writer.close()
            return
        version, *lines = rest.removesuffix("\r\n\r\n").split("\r\n")
        if not any(line.lower().startswith("upgrade:") for line in lines):
            lines = [line for line in lines if not line.lower().startswith("connection:")] + [
                "Connection: close"
            ]
        lines.append(f"X-Forwarded-Prefix: {self.PREFIX}")
        there, back = await asyncio.open_connection(*self._target)
        begin = f"{method} {path.removeprefix(self.PREFIX)} {version}"
        back.write(("\r\n".join([begin, *lines]) + "\r\n\r\n").encode("latin-1"))
        # The browser keeps its WebSocket open until the test has ended.
        with suppress(asyncio.CancelledError):
            await asyncio.gather(_copy(reader, back), _copy(there, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
