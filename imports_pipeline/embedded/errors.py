"""The one error of this package."""


class ServerError(Exception):
    """No database can be had; the message is for the user and says what to do. It never holds a password."""
