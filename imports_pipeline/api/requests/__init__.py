"""Parts of requests: bodies, query parameters, inline data, and the requested import."""
