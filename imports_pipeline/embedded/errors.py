"""The exception of this package."""


class ServerError(Exception):
    """The database cannot be used. The message tells the user what to do and never holds a password."""


class NoServer(ServerError):
    """No server has been created in the folder, and the caller wants none to be created."""
