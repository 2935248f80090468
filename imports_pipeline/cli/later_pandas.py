"""Loads pyarrow without pandas, which most commands do not need.

pyarrow imports pandas with its first array if it is installed: a sixth of the time from a command's start to its first
phase. If that import fails it goes on without, and imports pandas when something is converted to it.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from typing import Any


class _Later:
    """An import finder that does not find pandas."""

    @staticmethod
    def find_spec(name: str, *_: Any) -> ModuleSpec | None:
        """Raise ``ImportError`` for pandas."""
        if name == "pandas":
            raise ImportError("pandas is imported when something is converted to it")
        return None


def load_pyarrow() -> None:
    """Import pyarrow, and make its first array while pandas is not found. After the first call nothing happens."""
    sys.meta_path.insert(0, _Later)
    try:
        import pyarrow as pa

        pa.array([0])
    finally:
        sys.meta_path.remove(_Later)
