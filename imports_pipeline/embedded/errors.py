"""The exception of this package."""


class ServerError(Exception):
    """The database cannot be used. The message tells the user what to do and never holds a password."""
