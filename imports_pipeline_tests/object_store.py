"""A real S3 for the tests: SeaweedFS of this machine alone, with credentials, gone with the tests."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import s3fs
from botocore.exceptions import BotoCoreError

HOST = "127.0.0.1"
BUCKET = "imports"
_STARTS_WITHIN = 60.0
_ENDS_WITHIN = 20.0
#: Ends the server and removes its folder when its standard input ends, as it does when the tests are killed.
_GUARD = '"$@" & read -r _; kill -9 $!; wait $! 2>/dev/null; rm -rf "$PWD"; exit 0'
_SERVERS = ("master", "volume", "filer", "s3")


@dataclass(frozen=True)
class ObjectStore:
    """Where the server is, and who may use it."""

    endpoint: str
    #: may do everything
    environment: dict[str, str]
    #: may only read and list
    reader: dict[str, str]

    def client(self) -> s3fs.S3FileSystem:
        """Return a client that is not ours: what others do to the bucket."""
        return s3fs.S3FileSystem(
            endpoint_url=self.endpoint,
            key=self.environment["AWS_ACCESS_KEY_ID"],
            secret=self.environment["AWS_SECRET_ACCESS_KEY"],
            client_kwargs={"region_name": self.environment["AWS_REGION"]},
            config_kwargs={"connect_timeout": 1, "retries": {"max_attempts": 0}},
            skip_instance_cache=True,
            use_listings_cache=False,
        )


@contextmanager
def object_store(host: str = HOST, inside: Sequence[str] = ()) -> Iterator[ObjectStore]:
    """Run SeaweedFS for the block with an empty bucket ``imports``.

    ``inside`` is a command that runs it on another host, which has the address.
    """
    # Not below pytest's folder: the path of a socket has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="weed-"))
    ports = _free_ports(2 * len(_SERVERS))
    endpoint = f"http://{host}:{ports[6]}"
    identities = [
        _identity("admin", "admin-key", "admin-secret", ["Admin", "Read", "List", "Tagging", "Write"]),
        _identity("reader", "reader-key", "reader-secret", ["Read", "List"]),
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    arguments = [
        # Not `mini`, whose worker of maintenance takes a fifth of a core for as long as the server is up.
        *("server", "-filer", "-s3", f"-dir={folder}", f"-ip={host}", f"-ip.bind={host}"),
        *("-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=100"),
        *("-s3.port.iceberg=0", "-s3.port.lance=0"),
        *(f"-s3.config={folder / 's3.json'}", "-s3.autoCreateBucket=false"),
        *(f"-s3.localSocket={folder / 's3.sock'}", f"-filer.localSocket={folder / 'filer.sock'}"),
    ]
    for number, name in enumerate(_SERVERS):
        arguments += [f"-{name}.port={ports[2 * number]}", f"-{name}.port.grpc={ports[2 * number + 1]}"]
    log = folder / "log"
    weed = str(Path(sys.executable).with_name("weed"))
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*inside, "/bin/sh", "-c", _GUARD, "guard", weed, *arguments],
            cwd=folder,
            env={**os.environ, "GOMEMLIMIT": "256MiB"},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        store = ObjectStore(
            endpoint,
            _environment(endpoint, "admin-key", "admin-secret"),
            _environment(endpoint, "reader-key", "reader-secret"),
        )
        _wait(process, store, log)
        yield store
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(_ENDS_WITHIN)


def _identity(name: str, key: str, secret: str, actions: list[str]) -> dict[str, object]:
    credentials = [{"accessKey": key, "secretKey": secret}]
    return {"name": name, "credentials": credentials, "actions": actions}


def _environment(endpoint: str, key: str, secret: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": "us-east-1",
    }


def _free_ports(number: int) -> list[int]:
    with ExitStack() as open_ones:
        sockets = [open_ones.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind((HOST, 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _wait(process: subprocess.Popen[bytes], store: ObjectStore, log: Path) -> None:
    """Make the bucket, and wait until it takes a file: the parts of the server are not up at the same time."""
    client = store.client()
    end = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError, BotoCoreError):
            with suppress(FileExistsError):
                client.call_s3("create_bucket", Bucket=BUCKET)
            client.call_s3("put_object", Bucket=BUCKET, Key="probe", Body=b"")
            client.call_s3("delete_object", Bucket=BUCKET, Key="probe")
            return
        time.sleep(0.1)
    raise RuntimeError(f"SeaweedFS did not start:\n{log.read_text(errors='replace')[-3000:]}")
