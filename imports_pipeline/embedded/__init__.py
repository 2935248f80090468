"""The PostgreSQL that comes with the package: started when a command needs it, stopped by the last one out.

What belongs here: finding the binaries, making the data folder, starting, sharing and stopping the server.
What does not: tables, migrations, or anything that would also be true of a server of the user's own.
"""

from imports_pipeline.embedded.errors import ServerError
from imports_pipeline.embedded.server import running_server

__all__ = ["ServerError", "running_server"]
