"""The HTTP API as its callers use it: a real server, real keys, real files."""
