"""The command line: ``imports-pipeline``. Each command imports what it needs when it runs, so help is instant."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command that the arguments name; exits as ``docs/reference/command-line.md`` lists."""
    try:
        from imports_pipeline.cli.app import app
    except KeyboardInterrupt:
        # Ctrl-C while the program is still being loaded.
        sys.exit(130)
    sys.exit(app(standalone_mode=True))
