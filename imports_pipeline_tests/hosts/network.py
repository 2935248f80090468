"""A network of hosts on one machine: this process's namespace is one of them, joined to the others by a bridge.

``make soak-hosts`` starts the tests in a network namespace of their own (``unshare --net``): addresses and servers
are seen by nobody else, and are gone with the tests.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NETWORK: Final = "10.213.0.0/24"
#: Of the host on which the tests are, and Dagster's pages and daemon: the control plane.
HUB: Final = "10.213.0.1"


@dataclass(frozen=True)
class Host:
    """Another host; it lives as long as its first process."""

    name: str
    address: str
    pid: int

    @property
    def inside(self) -> tuple[str, ...]:
        """What runs a command there."""
        return ("nsenter", f"--net=/proc/{self.pid}/ns/net")

    def cut_off(self) -> None:
        """Let nothing reach it, and nothing it sends arrive; nobody is told."""
        _ip("link", "set", self.name, "down")

    def bring_back(self) -> None:
        """Join it again."""
        _ip("link", "set", self.name, "up")


def make_hub() -> None:
    """Give this namespace its address. Raises ``AssertionError`` when it is the machine's own."""
    there = {name for _, name in socket.if_nameindex()}
    assert there == {"lo"}, "These tests make a network of their own; run them by make soak-hosts, as root"
    _ip("link", "set", "lo", "up")
    _ip("link", "add", "hub", "type", "bridge")
    _ip("addr", "add", f"{HUB}/24", "dev", "hub")
    _ip("link", "set", "hub", "up")


@contextmanager
def host(name: str, number: int) -> Iterator[Host]:
    """Make a host for the block."""
    process = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    try:
        own = Path("/proc/self/ns/net").readlink()
        while Path(f"/proc/{process.pid}/ns/net").readlink() == own:
            time.sleep(0.01)
        made = Host(name, f"10.213.0.{number}", process.pid)
        _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(process.pid))
        _ip("link", "set", name, "master", "hub", "up")
        for arguments in (
            ("addr", "add", f"{made.address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            subprocess.run([*made.inside, "ip", *arguments], check=True)
        yield made
    finally:
        process.kill()
        process.wait()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
