"""A process that writes half of a file, says so, and waits to be killed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from imports_pipeline.filestore.opening import open_store
from imports_pipeline.settings import Settings
from imports_pipeline_tests.filestore.stored import MIB


def main(url: str, key: str) -> None:
    """Write more than a part of ``key``."""
    with open_store(Settings(home=Path.cwd(), store_url=url)).open_write(key) as file:
        for _ in range(20):
            file.write(bytes(MIB))
        print("half", flush=True)
        time.sleep(600)


if __name__ == "__main__":
    main(*sys.argv[1:])
