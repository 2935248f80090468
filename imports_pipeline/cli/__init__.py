"""The command line ``imports-pipeline``. Each command imports its modules when it runs, so that help is fast."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command in ``sys.argv`` and exit; ``docs/reference/command-line.md`` lists the exit statuses."""
    from imports_pipeline.cli.warm import client

    status = client.run(sys.argv[1:])
    if status is not None:
        sys.exit(status)
    run_here()


def run_here() -> None:
    """Run the command in ``sys.argv`` in this process and exit."""
    from imports_pipeline.cli import process_exit
    from imports_pipeline.cli.gc_pause import gc_paused

    with process_exit.without_teardown():
        try:
            with gc_paused():
                from imports_pipeline.cli.app import app
        except KeyboardInterrupt:
            # Ctrl-C while modules are being imported.
            sys.exit(130)
        sys.exit(app(standalone_mode=True))
