"""Settings of the server: bulk loading on two cores with the available memory, and full durability.

They are arguments of every start and not written to ``postgresql.conf``, so that a folder of an older version gets
them too.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    # No socket in a folder that others can read: TCP with a password is the only way in.
    "unix_socket_directories": "",
    "max_connections": "200",  # Dagster's daemon has no connection pool: each of its threads opens a connection
    "work_mem": "64MB",
    "temp_buffers": "32MB",  # the temporary tables of matching for 100,000 rows, read right after they are written
    "maintenance_work_mem": "256MB",
    # An acknowledged import survives a power failure.
    "fsync": "on",
    "synchronous_commit": "on",
    # A large load should not force checkpoints, each of which makes the WAL larger (full-page writes).
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    # These binaries only have pglz, which takes longer than the disk takes to write the bytes that it saves.
    "wal_compression": "off",
    # There are no replicas. With minimal, COPY into a table of the same transaction skips the WAL.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "random_page_cost": "1.1",
    "jit": "off",  # compiling costs more than it saves on queries of seconds
    "autovacuum": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_min_messages": "warning",
    "cluster_name": "imports-pipeline",
}
# Parallel queries exchange rows in shared memory; the default size of /dev/shm in Docker is 64 MB.
_SHARED_MEMORY_NEEDED: Final = 512 * 2**20
# The memory limit of a container (cgroup v2) in bytes, or `max`.
_CONTAINER_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")
_MB: Final = 2**20


def server_settings(
    port: int, shared_memory: Path = Path("/dev/shm"), container_limit: Path = _CONTAINER_LIMIT
) -> list[str]:
    """Return the command-line arguments of ``postgres`` for all settings."""
    settings = {**_SETTINGS, "port": str(port), "shared_buffers": _shared_buffers(container_limit)}
    if shared_memory.exists() and shutil.disk_usage(shared_memory).total < _SHARED_MEMORY_NEEDED:
        settings["dynamic_shared_memory_type"] = "mmap"
    return [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]


def _shared_buffers(container_limit: Path) -> str:
    """Return an eighth of the memory, within 128 MB and 1 GB. 1 GB holds the indexes of some million records."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if container_limit.exists() and (limit := container_limit.read_text().strip()).isdecimal():
        memory = min(memory, int(limit))
    return f"{min(max(memory // 8 // _MB, 128), 1024)}MB"
