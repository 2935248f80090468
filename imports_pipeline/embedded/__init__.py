"""The PostgreSQL server that comes with the package. The first command starts it, the last one stops it.

This package finds the binaries, creates the data folder, and starts, shares and stops the server. Tables, migrations
and everything else that also concerns a user's own server are in ``database/``.
"""

from imports_pipeline.embedded.errors import NoServer, ServerError
from imports_pipeline.embedded.server import has_data, running_server

__all__ = ["NoServer", "ServerError", "has_data", "running_server"]
