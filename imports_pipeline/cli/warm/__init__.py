"""Commands that a warm process runs: a fork of it has imported their modules already.

``server.py`` is the warm process (``imports-pipeline warm``, and part of ``imports-pipeline dev``). ``client.py`` is
what is left of a command that it runs. Both name the socket by the folder of the installation, and compare a mark of
the installed code, so that a command never runs as it was before an upgrade or an edit.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

#: ``false`` in this variable lets each command load its own modules.
VARIABLE = "IMPORTS_WARM_COMMANDS"


def socket_path(home: str) -> str:
    """Return the path of the socket of the installation in the folder ``home``."""
    return os.path.join(os.path.abspath(home), "warm", "commands")


def code_mark() -> str:
    """Return a text that is another one after any change of the code, the installed libraries or Python's options."""
    package = Path(__file__).parents[2]
    newest = count = 0
    for folder, _, names in os.walk(package):
        for name in names:
            if name.endswith(".py"):
                newest = max(newest, os.stat(os.path.join(folder, name)).st_mtime_ns)
                count += 1
    # Whatever installs or removes a library changes its folder.
    libraries = [os.stat(path).st_mtime_ns for path in sys.path if path.endswith("site-packages")]
    return repr((sys.version, sys.prefix, tuple(sys.flags), str(package), newest, count, libraries))
