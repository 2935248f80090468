"""The command line: ``imports-pipeline``. Each command imports what it needs when it runs, so help is instant."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command that the arguments name; exits with 0, 1 (it failed) or 2 (wrong usage)."""
    from imports_pipeline.cli.app import app

    sys.exit(app(standalone_mode=True))
