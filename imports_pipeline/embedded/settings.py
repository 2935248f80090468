"""How the server is set: for bulk loading on two cores and the memory that there is, and durable all the same.

Given on every start and not written to ``postgresql.conf``: a folder made by an older version gets them too.
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
    "max_connections": "200",  # Dagster's daemon keeps no pool: every thread of it opens its own
    "work_mem": "64MB",
    "temp_buffers": "32MB",  # what matching finds for 100,000 rows, read right after it is written
    "maintenance_work_mem": "256MB",
    # An acknowledged import survives a power failure.
    "fsync": "on",
    "synchronous_commit": "on",
    # One big load should not force checkpoints in its midst, nor write the log twice its size.
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    # These binaries have pglz alone, which takes longer than a disk takes to write what it saves.
    "wal_compression": "off",
    # Nobody replicates from here; minimal lets a COPY into a table of the same transaction skip the log.
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
#: Parallel queries exchange rows in shared memory; Docker gives /dev/shm 64 MB unless told otherwise.
_SHARED_MEMORY_NEEDED: Final = 512 * 2**20
#: Where Linux says how much memory the processes of a container may have, in bytes, or `max`.
_CONTAINER_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")
_MB: Final = 2**20


def server_settings(
    port: int, shared_memory: Path = Path("/dev/shm"), container_limit: Path = _CONTAINER_LIMIT
) -> list[str]:
    """Return the arguments of ``postgres`` for all settings."""
    settings = {**_SETTINGS, "port": str(port), "shared_buffers": _shared_buffers(container_limit)}
    if shared_memory.exists() and shutil.disk_usage(shared_memory).total < _SHARED_MEMORY_NEEDED:
        settings["dynamic_shared_memory_type"] = "mmap"
    return [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]


def _shared_buffers(container_limit: Path) -> str:
    """Return an eighth of the memory, from 128 MB to 1 GB: what holds the indexes of some million records."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if container_limit.exists() and (limit := container_limit.read_text().strip()).isdecimal():
        memory = min(memory, int(limit))
    return f"{min(max(memory // 8 // _MB, 128), 1024)}MB"
