"""How the server is set: for bulk loading on two cores and four gigabytes, and durable all the same.

Given on every start and not written to ``postgresql.conf``: a folder made by an older version gets them too.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    # No socket in a folder that others can read: TCP with a password is the only way in.
    "unix_socket_directories": "",
    "max_connections": "200",  # Dagster's daemon keeps no pool: every thread of it opens its own
    "shared_buffers": "256MB",
    "work_mem": "64MB",
    "temp_buffers": "32MB",  # the keys of 100,000 rows, which are read right after they are written
    "maintenance_work_mem": "256MB",
    # An acknowledged import survives a power failure.
    "fsync": "on",
    "synchronous_commit": "on",
    # One big load should not force checkpoints in its midst, nor write the log twice its size.
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "wal_compression": "on",  # pglz: these binaries are built without lz4 and zstd
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


def server_settings(port: int, shared_memory: Path = Path("/dev/shm")) -> list[str]:
    """Give the arguments of ``postgres`` for all settings."""
    settings = {**_SETTINGS, "port": str(port)}
    if shared_memory.exists() and shutil.disk_usage(shared_memory).total < _SHARED_MEMORY_NEEDED:
        settings["dynamic_shared_memory_type"] = "mmap"
    return [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
